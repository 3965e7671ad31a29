# The one binary, and the modules that it loads on demand from the folder beside it. src/core/module.h
# says where they are looked for.
add_executable(pillion ${CMAKE_SOURCE_DIR}/src/main.c)
target_compile_options(pillion PRIVATE ${PILLION_WARNINGS})
target_link_libraries(pillion PRIVATE sc_sidecar sc_cli)
target_link_options(pillion PRIVATE -rdynamic)
install(TARGETS pillion RUNTIME DESTINATION bin)

# The manual page and the completions, which the program prints from its tables.
# printed(file destination word...): build/<preset>/share/<file>, installed to <destination>.
set(printed_files)
macro(printed file destination)
    add_custom_command(
        OUTPUT ${CMAKE_BINARY_DIR}/share/${file}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/share
        COMMAND pillion ${ARGN} > ${CMAKE_BINARY_DIR}/share/${file}
        DEPENDS pillion VERBATIM)
    list(APPEND printed_files ${CMAKE_BINARY_DIR}/share/${file})
    install(FILES ${CMAKE_BINARY_DIR}/share/${file} DESTINATION ${destination})
endmacro()
printed(pillion.1 share/man/man1 man)
printed(pillion share/bash-completion/completions completion bash)
printed(_pillion share/zsh/site-functions completion zsh)
printed(pillion.fish share/fish/vendor_completions.d completion fish)
add_custom_target(printed ALL DEPENDS ${printed_files})

# sc_module(name source LIBS...): build/<preset>/modules/pillion-<name>.so
function(sc_module name source)
    add_library(module_${name} MODULE ${CMAKE_SOURCE_DIR}/src/${source})
    set_target_properties(module_${name} PROPERTIES PREFIX "pillion-" OUTPUT_NAME ${name}
                          LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/modules)
    target_include_directories(module_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
    target_compile_options(module_${name} PRIVATE ${PILLION_WARNINGS})
    target_link_libraries(module_${name} PRIVATE ${ARGN})
    add_dependencies(pillion module_${name})
    install(TARGETS module_${name} LIBRARY DESTINATION lib/pillion)
endfunction()

sc_module(tls io/module_tls.c PkgConfig::OPENSSL)
sc_module(curl components/shared/module_curl.c PkgConfig::CURL PkgConfig::UV)
sc_module(crypto wire/module_crypto.c PkgConfig::OPENSSL)
