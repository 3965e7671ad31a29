# The components in the binary: one line each. CMake writes only the list of names; the C that walks
# it is ordinary code.
set(component_names)
macro(sc_component path)
    string(REPLACE "/" "_" name ${path})
    list(APPEND component_names sc_${name})
endmacro()

sc_component(pubsub/in_memory)
sc_component(pubsub/redis)
sc_component(pubsub/sqlite)
sc_component(state/in_memory)

set(component_list "/* Generated from cmake/components.cmake. */\n#include \"component/component.h\"\n\n")
foreach(name ${component_names})
    string(APPEND component_list "extern const sc_component ${name};\n")
endforeach()
string(APPEND component_list "\nconst sc_component *const sc_components[] = {\n")
foreach(name ${component_names})
    string(APPEND component_list "    &${name},\n")
endforeach()
string(APPEND component_list "    NULL,\n};\n")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/component_list.c CONTENT "${component_list}" @ONLY)
target_sources(sc_components PRIVATE ${CMAKE_BINARY_DIR}/component_list.c)
