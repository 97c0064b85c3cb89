# diptych_add_model(<name> SOURCES <file>... ENTRY <function>
#   [KIND static|shared|object] [TARGETS <cpu>...] [THREADS <n>] [NUMERICS standard|strict]
#   [WEIGHTS embedded|passed] [ARGUMENTS <name>...])
#
# Builds a library target <name> from a model written with Diptych, and <name>.h for who links it; see docs/aot.md.
# <function> is `diptych::aot::Artefact <function>(const diptych::aot::Options&)`, defined in SOURCES outside any
# namespace: it calls diptych::aot::compile with these options. SOURCES become a program that runs during the build;
# what links <name> needs nothing of Diptych.

function(diptych_add_model name)
  cmake_parse_arguments(PARSE_ARGV 1 model "" "ENTRY;KIND;THREADS;NUMERICS;WEIGHTS" "SOURCES;TARGETS;ARGUMENTS")
  if(model_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "diptych_add_model(${name}): unknown arguments: ${model_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT model_SOURCES OR NOT model_ENTRY)
    message(FATAL_ERROR "diptych_add_model(${name}): expected SOURCES <file>... and ENTRY <function>")
  endif()
  if(NOT model_KIND)
    set(model_KIND static)
  endif()
  if(NOT model_KIND MATCHES "^(static|shared|object)$")
    message(FATAL_ERROR "diptych_add_model(${name}): expected KIND static, shared or object, got ${model_KIND}")
  endif()
  if(NOT TARGET Diptych::compiler)
    message(FATAL_ERROR "diptych_add_model(${name}): needs the target Diptych::compiler; "
      "find_package(Diptych REQUIRED COMPONENTS compiler)")
  endif()

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${name}-model")
  set(object "${folder}/${name}.o")
  set(header "${folder}/${name}.h")
  file(CONFIGURE OUTPUT "${folder}/maker.cpp" @ONLY CONTENT [[
// Made by diptych_add_model: the main of the program that writes the artefact.
#include <diptych/Aot.h>
diptych::aot::Artefact @model_ENTRY@(const diptych::aot::Options& options);
int main(int argc, char** argv) { return diptych::aot::makerMain(argc, argv, &@model_ENTRY@); }
]])
  add_executable(${name}-maker ${model_SOURCES} "${folder}/maker.cpp")
  target_link_libraries(${name}-maker PRIVATE Diptych::compiler)
  if(TARGET diptych-generated)
    add_dependencies(${name}-maker diptych-generated)
  endif()

  set(options)
  foreach(option IN ITEMS THREADS NUMERICS WEIGHTS TARGETS ARGUMENTS)
    if(model_${option})
      string(TOLOWER "--${option}" flag)
      string(REPLACE ";" "," value "${model_${option}}")
      list(APPEND options "${flag}" "${value}")
    endif()
  endforeach()
  add_custom_command(OUTPUT "${object}" "${header}"
    COMMAND ${name}-maker --name ${name} --directory "${folder}" --kind object ${options}
    DEPENDS ${name}-maker
    COMMENT "Compiling the model ${name}"
    VERBATIM)
  set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  set_source_files_properties("${header}" PROPERTIES GENERATED ON)

  if(model_KIND STREQUAL "object")
    add_custom_target(${name}-files DEPENDS "${object}" "${header}")
    add_library(${name} INTERFACE)
    add_dependencies(${name} ${name}-files)
    target_link_libraries(${name} INTERFACE "${object}")
  else()
    string(TOUPPER ${model_KIND} kind)
    add_library(${name} ${kind} "${object}" "${header}")
    get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
    if("C" IN_LIST languages)
      set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
    else()
      set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
    endif()
  endif()
  target_include_directories(${name} INTERFACE "${folder}")
  if(UNIX AND NOT APPLE)
    target_link_libraries(${name} INTERFACE m) # some library kernels: a logarithm
  endif()
  if(model_THREADS GREATER 1)
    find_package(Threads REQUIRED)
    target_link_libraries(${name} INTERFACE Threads::Threads)
  endif()
endfunction()
