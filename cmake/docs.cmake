# Prints the tables of the sources for scripts/docs.py.
add_executable(tables scripts/tables.c)
target_compile_options(tables PRIVATE ${PILLION_WARNINGS})
target_link_libraries(tables PRIVATE sc_sidecar)
