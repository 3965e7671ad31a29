/* SPDX-License-Identifier: MIT
 *
 * The .proto files of the services here, as serialized FileDescriptorProtos
 * (https://protobuf.dev/reference/protobuf/google.protobuf/#file-descriptor-proto), found by name
 * or by what they define. Everything returned is static.
 */
#ifndef SC_API_GRPC_DESCRIPTORS_H
#define SC_API_GRPC_DESCRIPTORS_H

#include "core/str.h"

#define SC_DESCRIPTOR_FILES 64u /* no set has more */

/* The `index`-th file; false past the last. A file stands behind those that it imports. */
bool sc_descriptor_at(uint32_t index, sc_str *file);
/* The index of "a/b.proto", or -1. */
int sc_descriptor_find(sc_str name);
/* The index of the file that defines a message, enum, service or method by its full name, or -1. */
int sc_descriptor_of_symbol(sc_str symbol);
/* Sets the bits (1 << index) of a file and of all it imports. */
uint64_t sc_descriptor_with_imports(uint32_t index);
/* The `index`-th method of a service by its full name: "GetState"; false past the last. */
bool sc_descriptor_method(sc_str service, uint32_t index, sc_str *name);

#endif
