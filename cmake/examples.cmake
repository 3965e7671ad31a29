# examples/<name>/<program>.c: one program each, with the files of examples/<name>/shared linked in, over
# the client library; built into build/<preset>/examples.
file(GLOB examples RELATIVE ${CMAKE_SOURCE_DIR}/examples CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/examples/*/*.c)
foreach(example ${examples})
    get_filename_component(folder ${example} DIRECTORY)
    get_filename_component(stem ${example} NAME_WE)
    file(GLOB shared CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/examples/${folder}/shared/*.c)
    add_executable(example_${folder}_${stem} examples/${example} ${shared})
    set_target_properties(example_${folder}_${stem} PROPERTIES
        OUTPUT_NAME ${stem} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/examples/${folder})
    target_compile_options(example_${folder}_${stem} PRIVATE ${PILLION_WARNINGS})
    target_link_libraries(example_${folder}_${stem} PRIVATE pillion_client)
endforeach()
