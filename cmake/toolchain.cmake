# Warnings are errors; ccache and mold are used when they are there.
add_compile_options(-Wall -Wextra -Werror -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees uninitialised members in every moved std::variant once it inlines.
  add_compile_options(-Wno-maybe-uninitialized)
endif()
add_compile_definitions(PYLON_VERSION="${PROJECT_VERSION}")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_compile_options(-march=x86-64-v2)  # SSE4.2: every server since 2009
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g1 -fno-omit-frame-pointer")

# The rooms that each request goes through are optimised across files in what users run: 4 % fewer
# instructions. g++ only: clang's objects would want its own linker.
set(PYLON_REQUEST_ROOMS base async net http router upstream plugin proxy)
set(PYLON_ACROSS_FILES OFF)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(PYLON_ACROSS_FILES ON)
endif()

if(PYLON_SANITIZE)
  add_compile_options(-fsanitize=${PYLON_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PYLON_SANITIZE})
endif()
if(PYLON_FUZZ)
  # clang 14 cannot mark coroutines that are no members with the type of their function.
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=function
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()

find_program(PYLON_CCACHE ccache)
if(PYLON_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PYLON_CCACHE})
endif()
find_program(PYLON_MOLD mold)
if(PYLON_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
