/* SPDX-License-Identifier: MIT
 *
 * Values as Python prints them, so that what the services show is what the tutorial shows.
 */
#ifndef CHAT_SHARED_PYTHON_H
#define CHAT_SHARED_PYTHON_H

#include <stdio.h>

#include <pillion/client.h>

/* {'event_type': 'MessageSent', 'count': 1, 'list': [True, None]} */
void python_print(FILE *to, const pillion_json *value);

#endif
