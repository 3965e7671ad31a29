# Compiler settings shared by every target.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(PILLION_WERROR "Treat warnings as errors" ON)
set(PILLION_SANITIZE "" CACHE STRING "Value for -fsanitize, for example address,undefined")

add_compile_definitions(_GNU_SOURCE PILLION_VERSION="${PROJECT_VERSION}")
add_compile_options(-fno-common -fvisibility=hidden -fstack-protector-strong -g)

set(PILLION_WARNINGS
    -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith
    -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wold-style-definition)
if(PILLION_WERROR)
    list(APPEND PILLION_WARNINGS -Werror)
endif()

if(CMAKE_C_COMPILER_ID MATCHES Clang) # clang sees it in macros of other people's headers, too
    list(APPEND PILLION_WARNINGS -Wno-cast-qual)
endif()

option(PILLION_COVERAGE "Count the lines that run (gcov)" OFF)
if(PILLION_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()

if(PILLION_SANITIZE)
    add_compile_options(-fsanitize=${PILLION_SANITIZE} -fno-omit-frame-pointer
                        -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${PILLION_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_options(-D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections)
    add_link_options(-Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -Wl,--as-needed)
    # Addresses that move with the program in a hundredth of the bytes, which the start reads.
    include(CheckLinkerFlag)
    check_linker_flag(C -Wl,-z,pack-relative-relocs HAS_PACKED_RELOCATIONS)
    if(HAS_PACKED_RELOCATIONS)
        add_link_options(-Wl,-z,pack-relative-relocs)
    endif()
endif()
