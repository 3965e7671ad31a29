/* SPDX-License-Identifier: MIT
 *
 * Files of this folder, built in.
 */
#ifndef CHAT_SHARED_PAGES_H
#define CHAT_SHARED_PAGES_H

#include <stddef.h>

extern const unsigned char docs_html[];
extern const size_t docs_html_len;
extern const unsigned char chat_openapi_json[];
extern const size_t chat_openapi_json_len;
extern const unsigned char analytics_openapi_json[];
extern const size_t analytics_openapi_json_len;

#endif
