# The wire-compatible messages of proto/, as C in the build folder.
find_program(PROTOC_C protoc-c REQUIRED)
file(GLOB_RECURSE protos RELATIVE ${CMAKE_SOURCE_DIR}/proto CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/proto/*.proto)
list(REMOVE_ITEM protos dapr/proto/runtime/v1/dapr.proto # a service: for the descriptors alone
     dapr/proto/internals/v1/service_invocation.proto)     # read and written by hand
set(proto_out ${CMAKE_BINARY_DIR}/proto)
file(MAKE_DIRECTORY ${proto_out})
set(proto_sources)
# The well-known types that they import: libprotobuf-c brings no C for these.
find_path(PROTOBUF_INCLUDE google/protobuf/struct.proto REQUIRED)
foreach(stem google/protobuf/any google/protobuf/duration google/protobuf/struct google/protobuf/wrappers)
    add_custom_command(
        OUTPUT ${proto_out}/${stem}.pb-c.c ${proto_out}/${stem}.pb-c.h
        COMMAND ${PROTOC_C} --c_out=${proto_out} -I${PROTOBUF_INCLUDE} ${stem}.proto
        DEPENDS ${PROTOBUF_INCLUDE}/${stem}.proto)
    list(APPEND proto_sources ${proto_out}/${stem}.pb-c.c)
endforeach()
foreach(proto ${protos})
    string(REGEX REPLACE "\\.proto$" ".pb-c" stem ${proto})
    add_custom_command(
        OUTPUT ${proto_out}/${stem}.c ${proto_out}/${stem}.h
        COMMAND ${PROTOC_C} --c_out=${proto_out} -I${CMAKE_SOURCE_DIR}/proto
                -I${PROTOBUF_INCLUDE} ${proto}
        DEPENDS ${CMAKE_SOURCE_DIR}/proto/${proto}
        WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/proto)
    list(APPEND proto_sources ${proto_out}/${stem}.c)
endforeach()
add_library(pillion_proto STATIC ${proto_sources})
target_include_directories(pillion_proto SYSTEM PUBLIC ${proto_out})
target_link_libraries(pillion_proto PUBLIC PkgConfig::PROTOBUF_C)

# What server reflection tells of the services, as a C array (src/api/grpc/descriptors.c).
set(described dapr/proto/runtime/v1/dapr.proto grpc/reflection/v1/reflection.proto
    grpc/reflection/v1alpha/reflection.proto)
set(descriptor_set ${CMAKE_BINARY_DIR}/descriptors.bin)
set(descriptor_array ${CMAKE_BINARY_DIR}/descriptor_set.c)
find_program(PROTOC protoc REQUIRED)
list(TRANSFORM protos PREPEND ${CMAKE_SOURCE_DIR}/proto/ OUTPUT_VARIABLE proto_paths)
add_custom_command(
    OUTPUT ${descriptor_array}
    COMMAND ${PROTOC} --descriptor_set_out=${descriptor_set} --include_imports
            -I${CMAKE_SOURCE_DIR}/proto -I${PROTOBUF_INCLUDE} ${described}
    COMMAND ${CMAKE_COMMAND} -DFROM=${descriptor_set} -DTO=${descriptor_array}
            -DNAME=sc_descriptor_set -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${proto_paths} ${CMAKE_SOURCE_DIR}/proto/dapr/proto/runtime/v1/dapr.proto
            ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/proto)
