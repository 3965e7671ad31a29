# The C client library: sdk/c over the layers up to net, which are linked in with hidden symbols.
file(GLOB sdk_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/sdk/c/src/*.c)
file(GLOB sdk_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/sdk/c/include/pillion/*.h)
set(sdk_include ${CMAKE_SOURCE_DIR}/sdk/c/include)
set(sdk_out ${CMAKE_BINARY_DIR}/sdk)

add_library(sdk_objects OBJECT ${sdk_sources})
target_compile_options(sdk_objects PRIVATE ${PILLION_WARNINGS})
target_include_directories(sdk_objects PRIVATE ${sdk_include})
target_link_libraries(sdk_objects PRIVATE sc_net pillion_proto)

# For tests: everything in reach.
add_library(sc_sdk STATIC $<TARGET_OBJECTS:sdk_objects>)
target_include_directories(sc_sdk PUBLIC ${sdk_include} ${CMAKE_SOURCE_DIR}/sdk/c/src)
target_link_libraries(sc_sdk PUBLIC sc_net pillion_proto)

add_library(pillion_client SHARED $<TARGET_OBJECTS:sdk_objects>)
target_include_directories(pillion_client INTERFACE ${sdk_include})
target_link_libraries(pillion_client PRIVATE sc_net pillion_proto)
set_target_properties(pillion_client PROPERTIES OUTPUT_NAME pillion-client
                      LIBRARY_OUTPUT_DIRECTORY ${sdk_out} VERSION ${PROJECT_VERSION}
                      SOVERSION ${PROJECT_VERSION_MAJOR})
target_link_options(pillion_client PRIVATE -Wl,--as-needed)

# The archive: one object in which everything but pillion_* is local, so that a program may link
# whatever it likes beside it.
set(sdk_layers sc_net sc_io sc_wire sc_core pillion_proto)
set(sdk_layer_files)
foreach(layer ${sdk_layers})
    list(APPEND sdk_layer_files $<TARGET_FILE:${layer}>)
endforeach()
add_custom_command(
    OUTPUT ${sdk_out}/libpillion-client.a
    COMMAND ${CMAKE_COMMAND} -E make_directory ${sdk_out}
    COMMAND ${CMAKE_C_COMPILER} -nostdlib -r -o ${sdk_out}/pillion-client.o
            $<TARGET_OBJECTS:sdk_objects> -Wl,--start-group ${sdk_layer_files} -Wl,--end-group
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${sdk_out}/pillion-client.o
    COMMAND ${CMAKE_COMMAND} -E rm -f ${sdk_out}/libpillion-client.a
    COMMAND ${CMAKE_AR} rcs ${sdk_out}/libpillion-client.a ${sdk_out}/pillion-client.o
    DEPENDS sdk_objects ${sdk_layers} $<TARGET_OBJECTS:sdk_objects> ${sdk_layer_files}
    COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(pillion_client_archive ALL DEPENDS ${sdk_out}/libpillion-client.a)

# Public headers need only the C library and compile alone, as C11 and, where there is a compiler for
# it, as C++11.
include(CheckLanguage)
check_language(CXX)
set(sdk_languages c)
if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
    list(APPEND sdk_languages cpp)
endif()
foreach(header ${sdk_headers})
    get_filename_component(stem ${header} NAME_WE)
    foreach(language ${sdk_languages})
        file(CONFIGURE OUTPUT ${sdk_out}/headers/${stem}.${language}
             CONTENT "#include <pillion/${stem}.h>\n" @ONLY)
        list(APPEND sdk_header_checks ${sdk_out}/headers/${stem}.${language})
    endforeach()
endforeach()
add_library(sdk_header_checks OBJECT ${sdk_header_checks})
target_include_directories(sdk_header_checks PRIVATE ${sdk_include})
target_compile_options(sdk_header_checks PRIVATE -Wall -Wextra -Wpedantic -Werror
                       $<$<COMPILE_LANGUAGE:CXX>:-std=c++11>)

include(GNUInstallDirs)
# Found from where the file lies, so that an installed tree may move.
file(RELATIVE_PATH sdk_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_SOURCE_DIR}/sdk/c/pillion-client.pc.in ${sdk_out}/pillion-client.pc @ONLY)
install(TARGETS pillion_client LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)
install(FILES ${sdk_out}/libpillion-client.a DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)
install(FILES ${sdk_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pillion COMPONENT sdk)
install(FILES ${sdk_out}/pillion-client.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT sdk)
# For endpoints behind https.
install(TARGETS module_tls LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/pillion COMPONENT sdk)
