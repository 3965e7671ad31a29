/* SPDX-License-Identifier: MIT */
#include "app/event.h"

#include "wire/json.h"

const sc_doc *sc_event_doc(sc_event *event, sc_arena *mem)
{
    sc_doc *doc;

    if (!event->doc && !event->is_octets &&
        sc_json_parse(event->payload, mem, &doc, NULL, NULL) == SC_OK && doc->kind == SC_DOC_OBJECT)
        event->doc = doc;
    return event->doc;
}
