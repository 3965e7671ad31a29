/* SPDX-License-Identifier: MIT
 *
 * Quantities as Kubernetes writes them: "4Mi", "100k", "1.5G", "1e6", "-1".
 */
#ifndef SC_CORE_QUANTITY_H
#define SC_CORE_QUANTITY_H

#include "core/str.h"

/* A sign, digits with an optional fraction, then Ki Mi Gi Ti Pi Ei, k M G T P E (K counts as k) or
 * an exponent. False for other text, for what is no whole number ("100m", "1.5"), and for what does
 * not fit. */
bool sc_quantity_parse(sc_str text, int64_t *out) SC_MUST_CHECK;

#endif
