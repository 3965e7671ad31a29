# What ./dev bench measures beside the sidecar. Not installed.
add_executable(bench_floor ${CMAKE_SOURCE_DIR}/bench/floor.c)
set_target_properties(bench_floor PROPERTIES OUTPUT_NAME floor
                      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
target_compile_options(bench_floor PRIVATE ${PILLION_WARNINGS})
target_link_libraries(bench_floor PRIVATE Threads::Threads)
