# examples/<name>/<program>.c: one program each, built into build/<preset>/examples.
file(GLOB examples RELATIVE ${CMAKE_SOURCE_DIR}/examples CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/examples/*/*.c)
foreach(example ${examples})
    get_filename_component(folder ${example} DIRECTORY)
    get_filename_component(stem ${example} NAME_WE)
    add_executable(example_${folder}_${stem} examples/${example})
    set_target_properties(example_${folder}_${stem} PROPERTIES
        OUTPUT_NAME ${stem} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/examples/${folder})
    target_compile_options(example_${folder}_${stem} PRIVATE ${PILLION_WARNINGS})
    target_link_libraries(example_${folder}_${stem} PRIVATE sc_net)
endforeach()
