/* SPDX-License-Identifier: MIT
 *
 * The API token (Dapr: API token authentication).
 */
#include "api/api.h"

bool sc_api_token_fits(const sc_api *api, const sc_str *token)
{
    sc_str want = api->api_token;
    unsigned differ;

    if (want.len == 0)
        return true;
    if (!token)
        return false;
    differ = token->len != want.len;
    for (size_t i = 0; i < want.len && i < token->len; i++)
        differ |= (unsigned)(want.at[i] ^ token->at[i]);
    return differ == 0;
}
