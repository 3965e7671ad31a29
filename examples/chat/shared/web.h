/* SPDX-License-Identifier: MIT
 *
 * What FastAPI gives the tutorial's services besides their routes: answers to what is wrong with a
 * request, the redirect to the path with a slash, /openapi.json and /docs.
 */
#ifndef CHAT_SHARED_WEB_H
#define CHAT_SHARED_WEB_H

#include <pillion/client.h>

/* Adds CORS for `origins`, the fallback and the pages; `openapi` lives as long as the
 * application. */
void web_setup(pillion_app *app, const char *const *origins, size_t origin_count,
               const pillion_str *openapi);

/* {"detail": text} */
void web_detail(pillion_request *request, int status, const char *text);

/* What is wrong with one request; zeroed at first. Pass each find to web_problem, then answer 422
 * with web_answer_problems, which frees them. */
typedef struct web_problems {
    char *list; /* JSON objects with commas between; NULL: nothing is wrong */
} web_problems;

/* `loc` is JSON without brackets: "\"body\",\"text\"". `input` NULL: null. */
void web_problem(web_problems *problems, const char *type, const char *loc, const char *message,
                 const pillion_json *input);
/* The same with the input as JSON text, and a context: {"error": ctx}, unless NULL. */
void web_problem_text(web_problems *problems, const char *type, const char *loc,
                      const char *message, const char *input, const char *ctx);
/* True when something was wrong, and answered. */
bool web_answer_problems(pillion_request *request, web_problems *problems);

/* The body as JSON. NULL when there is none or it is no JSON: that is a problem then. */
const pillion_json *web_body(pillion_request *request, web_problems *problems);
/* body[name] as a string; a problem when it is missing (if required) or of another kind. */
const char *web_string(const pillion_json *body, const char *name, bool is_required,
                       web_problems *problems);

#endif
