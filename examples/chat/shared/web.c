/* SPDX-License-Identifier: MIT */
#include "web.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "pages.h"

/* ---- pages ---- */

static void on_openapi(void *user, pillion_request *request)
{
    const pillion_str *openapi = user;

    pillion_respond(request, 200, "application/json", *openapi);
}

static void on_docs(void *user, pillion_request *request)
{
    (void)user;
    pillion_respond(request, 200, "text/html; charset=utf-8",
                    pillion_bytes(docs_html, docs_html_len));
}

void web_detail(pillion_request *request, int status, const char *text)
{
    pillion_respond_json(request, status, "{\"detail\":%s}", text);
}

/* The tutorial's "/chat/" is reached as "/chat" too, by a redirect; so it is here. */
static bool redirects_to_slash(pillion_request *request)
{
    const char *host = pillion_request_header(request, "host");
    char to[512];

    if (strcmp(pillion_request_path(request), "/chat") != 0 || !host)
        return false;
    (void)snprintf(to, sizeof(to), "http://%s/chat/", host);
    pillion_respond_header(request, "Location", to);
    pillion_respond(request, 307, NULL, pillion_text(""));
    return true;
}

static void on_unmatched(void *user, pillion_request *request)
{
    int status = pillion_request_status(request);

    (void)user;
    if (status == 404 && redirects_to_slash(request))
        return;
    web_detail(request, status, status == 404 ? "Not Found" : "Method Not Allowed");
}

void web_setup(pillion_app *app, const char *const *origins, size_t origin_count,
               const pillion_str *openapi)
{
    pillion_cors cors = {
        .origins = origins, .origin_count = origin_count, .allow_credentials = true};

    pillion_app_cors(app, &cors);
    pillion_app_fallback(app, on_unmatched, NULL);
    pillion_app_route(app, "GET", "/openapi.json", on_openapi, (void *)(uintptr_t)openapi);
    pillion_app_route(app, "GET", "/docs", on_docs, NULL);
}

/* ---- what is wrong with a request ---- */

void web_problem_text(web_problems *problems, const char *type, const char *loc,
                      const char *message, const char *input, const char *ctx)
{
    (void)pillion_json_append(&problems->list,
                              "%-s{\"type\":%s,\"loc\":[%-s],\"msg\":%s,\"input\":%-s",
                              problems->list ? "," : "", type, loc, message, input);
    if (ctx)
        (void)pillion_json_append(&problems->list, ",\"ctx\":{\"error\":%s}", ctx);
    (void)pillion_json_append(&problems->list, "}");
}

void web_problem(web_problems *problems, const char *type, const char *loc, const char *message,
                 const pillion_json *input)
{
    char *text = input ? pillion_json_print(input) : NULL;

    web_problem_text(problems, type, loc, message, text ? text : "null", NULL);
    free(text);
}

bool web_answer_problems(pillion_request *request, web_problems *problems)
{
    if (!problems->list)
        return false;
    pillion_respond_json(request, 422, "{\"detail\":[%-s]}", problems->list);
    free(problems->list);
    problems->list = NULL;
    return true;
}

/* ---- bodies ---- */

/* Where the mistake is, counted in characters from 0, as far as the error's text tells. */
static size_t place_of(pillion_str body, const char *error)
{
    const char *at = strstr(error, "(line ");
    unsigned line = 0, column = 0;
    size_t place = 0;

    if (!at || sscanf(at, "(line %u, column %u)", &line, &column) != 2)
        return body.len;
    for (; line > 1 && place < body.len; place++)
        line -= body.at[place] == '\n';
    return place + column - 1;
}

static bool is_json(const char *content_type)
{
    const char *end = content_type ? strchrnul(content_type, ';') : NULL;

    return !content_type || strncasecmp(content_type, "application/json", 16) == 0 ||
           (end - content_type > 5 && strncasecmp(end - 5, "+json", 5) == 0);
}

const pillion_json *web_body(pillion_request *request, web_problems *problems)
{
    pillion_str body = pillion_request_body(request);
    const pillion_json *json;
    pillion_error err;
    char loc[64];

    if (body.len == 0) {
        web_problem(problems, "missing", "\"body\"", "Field required", NULL);
        return NULL;
    }
    if (!is_json(pillion_request_header(request, "content-type"))) {
        char *text = pillion_json_format("%.*s", (int)body.len, body.at);

        web_problem_text(problems, "model_attributes_type", "\"body\"",
                         "Input should be a valid dictionary or object to extract fields from",
                         text, NULL);
        free(text);
        return NULL;
    }
    json = pillion_request_json(request, &err);
    if (!json) {
        (void)snprintf(loc, sizeof(loc), "\"body\",%zu", place_of(body, err.text));
        web_problem_text(problems, "json_invalid", loc, "JSON decode error", "{}", err.text);
    }
    return json;
}

const char *web_string(const pillion_json *body, const char *name, bool is_required,
                       web_problems *problems)
{
    const pillion_json *value = pillion_json_get(body, name);
    const char *text = pillion_json_string(value, NULL);
    char loc[64];

    (void)snprintf(loc, sizeof(loc), "\"body\",\"%s\"", name);
    if (!value && is_required)
        web_problem(problems, "missing", loc, "Field required", body);
    else if (value && !text)
        web_problem(problems, "string_type", loc, "Input should be a valid string", value);
    return text;
}
