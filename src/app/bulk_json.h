/* SPDX-License-Identifier: MIT
 *
 * Bulk deliveries as HTTP applications get and answer them (Dapr: bulk subscribe).
 */
#ifndef SC_APP_BULK_JSON_H
#define SC_APP_BULK_JSON_H

#include "app/event.h"
#include "core/log.h"

/* The request's body, in `mem`. */
sc_str sc_bulk_json_write(const sc_bulk_event_op *bulk, sc_arena *mem);
/* Sets every entry's answer from a 2xx body: entries that it does not name are to be retried. */
void sc_bulk_json_read(sc_bulk_event_op *bulk, sc_str body, sc_arena *mem, const sc_log *log);
/* An answer about an entry that was not sent. */
void sc_bulk_tell_unknown(sc_str entry_id, const sc_log *log);
/* The same answer for all; `why` may be NULL. */
void sc_bulk_answer_all(sc_bulk_event_op *bulk, sc_app_answer answer, int http_status,
                        const char *why);

#endif
