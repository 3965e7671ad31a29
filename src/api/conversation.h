/* SPDX-License-Identifier: MIT
 *
 * The two versions of the conversation API, for both heads: protobuf messages, which HTTP has as
 * JSON, to requests of the block and back.
 */
#ifndef SC_API_CONVERSATION_H
#define SC_API_CONVERSATION_H

#include "block/conversation.h"
#include "wire/proto.h"

typedef struct sc_conversation_version {
    const ProtobufCMessageDescriptor *request;
    /* Fills `req` (its call is set) from a message of that type, which lives as long. What is wrong
     * with the message becomes req->problem. */
    void (*read)(const ProtobufCMessage *message, sc_converse_request *req);
    /* The answer to `message`, in the call's arena. */
    const ProtobufCMessage *(*answer)(const ProtobufCMessage *message,
                                      const sc_converse_request *req);
} sc_conversation_version;

extern const sc_conversation_version sc_conversation_alpha1;
extern const sc_conversation_version sc_conversation_alpha2;

/* The name of the component in a message of either version. */
sc_str sc_conversation_name(const ProtobufCMessage *message);

/* What a google.protobuf.Any of a request may hold; NULL at the end. */
extern const ProtobufCMessageDescriptor *const sc_api_any_types[];

#endif
