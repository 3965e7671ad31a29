# One program per file tests/unit/<layer>/test_*.c, linked to that layer and what is below it.
enable_testing()
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
if(NOT CMOCKA_FOUND)
    message(STATUS "cmocka is not installed: no unit tests")
    return()
endif()
file(GLOB unit_tests RELATIVE ${CMAKE_SOURCE_DIR}/tests/unit CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/tests/unit/*/test_*.c)
foreach(test ${unit_tests})
    get_filename_component(layer ${test} DIRECTORY)
    get_filename_component(stem ${test} NAME_WE)
    set(target ${layer}_${stem})
    add_executable(${target} ${CMAKE_SOURCE_DIR}/tests/unit/${test})
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_compile_definitions(${target} PRIVATE
        TEST_DATA_DIR="${CMAKE_SOURCE_DIR}/../shared/data" SOURCE_DIR="${CMAKE_SOURCE_DIR}"
        BUILD_DIR="${CMAKE_BINARY_DIR}")
    target_link_libraries(${target} PRIVATE sc_${layer} sc_wire PkgConfig::CMOCKA)
    target_link_options(${target} PRIVATE -rdynamic)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Werror)
    add_test(NAME ${target} COMMAND ${target})
endforeach()
