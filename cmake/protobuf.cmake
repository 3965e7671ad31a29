# The wire-compatible messages of proto/, as C in the build folder.
find_program(PROTOC_C protoc-c REQUIRED)
file(GLOB_RECURSE protos RELATIVE ${CMAKE_SOURCE_DIR}/proto CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/proto/*.proto)
set(proto_out ${CMAKE_BINARY_DIR}/proto)
file(MAKE_DIRECTORY ${proto_out})
set(proto_sources)
foreach(proto ${protos})
    string(REGEX REPLACE "\\.proto$" ".pb-c" stem ${proto})
    add_custom_command(
        OUTPUT ${proto_out}/${stem}.c ${proto_out}/${stem}.h
        COMMAND ${PROTOC_C} --c_out=${proto_out} -I${CMAKE_SOURCE_DIR}/proto ${proto}
        DEPENDS ${CMAKE_SOURCE_DIR}/proto/${proto}
        WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/proto)
    list(APPEND proto_sources ${proto_out}/${stem}.c)
endforeach()
if(proto_sources)
    add_library(pillion_proto STATIC ${proto_sources})
    target_include_directories(pillion_proto SYSTEM PUBLIC ${proto_out})
    target_link_libraries(pillion_proto PUBLIC PkgConfig::PROTOBUF_C)
else()
    add_library(pillion_proto INTERFACE)
endif()
