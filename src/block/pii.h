/* SPDX-License-Identifier: MIT
 *
 * Taking what tells who somebody is out of a text (Dapr: scrubPII of the conversation API).
 */
#ifndef SC_BLOCK_PII_H
#define SC_BLOCK_PII_H

#include "core/arena.h"

/* `text` with e-mail addresses, numbers of telephones, cards, accounts and the like replaced by
 * what they are ("<EMAIL_ADDRESS>"); what stands in a URL stays. The result lives in `mem`, or is
 * `text` itself when there is nothing to replace. Linear in the length.
 *
 * The names are Dapr's; what counts as one of them is told more exactly than there: numbers with a
 * check digit must be right. A five-digit number on its own is taken for a ZIP code. */
sc_str sc_pii_scrub(sc_str text, sc_arena *mem);

#endif
