/* SPDX-License-Identifier: MIT
 *
 * The metrics page on a port of its own: every path and method answers the same text.
 */
#ifndef SC_OBSERVE_PAGE_H
#define SC_OBSERVE_PAGE_H

#include "io/stream.h"
#include "observe/metric.h"

typedef struct sc_metrics_page sc_metrics_page;

/* `metrics` outlives the page. Fails as sc_listener_open. */
sc_code sc_metrics_page_open(sc_loop *loop, const sc_listen *at, const sc_metrics *metrics,
                             sc_metrics_page **out, sc_error *err) SC_MUST_CHECK;
/* "127.0.0.1:9090", with the port in use when 0 was asked for. */
sc_str sc_metrics_page_name(const sc_metrics_page *page);
void sc_metrics_page_close(sc_metrics_page *page, uint64_t linger_ms, void (*on_closed)(void *user),
                           void *user);

#endif
