# examples/<name>/<program>.c: one program each over the client library, built into
# build/<preset>/examples. The files of examples/<name>/shared are linked in; so are pages and
# descriptions (*.html, *.json) as arrays named after the file: docs_html and docs_html_len.
file(GLOB examples RELATIVE ${CMAKE_SOURCE_DIR}/examples CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/examples/*/*.c)
foreach(example ${examples})
    get_filename_component(folder ${example} DIRECTORY)
    get_filename_component(stem ${example} NAME_WE)
    set(at ${CMAKE_SOURCE_DIR}/examples/${folder})
    set(out ${CMAKE_BINARY_DIR}/examples/${folder})
    file(GLOB shared CONFIGURE_DEPENDS ${at}/shared/*.c)
    file(GLOB pages CONFIGURE_DEPENDS ${at}/shared/*.html ${at}/shared/*.json)
    set(embedded)
    foreach(page ${pages})
        get_filename_component(file ${page} NAME)
        string(MAKE_C_IDENTIFIER ${file} name)
        add_custom_command(OUTPUT ${out}/${file}.c
            COMMAND ${CMAKE_COMMAND} -DFROM=${page} -DTO=${out}/${file}.c -DNAME=${name}
                    -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
            DEPENDS ${page} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
        list(APPEND embedded ${out}/${file}.c)
    endforeach()
    set(target example_${folder}_${stem})
    add_executable(${target} examples/${example} ${shared} ${embedded})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${stem} RUNTIME_OUTPUT_DIRECTORY ${out})
    target_include_directories(${target} PRIVATE ${at})
    target_compile_options(${target} PRIVATE ${PILLION_WARNINGS})
    target_link_libraries(${target} PRIVATE pillion_client)
endforeach()
