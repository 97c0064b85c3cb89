# What is generated from ir/Ops.td (by our own diptych-tblgen), ir/Dialect.td and passes/Passes.td (by mlir-tblgen).

file(GLOB DIPTYCH_TBLGEN_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/diptych-tblgen/*.cpp")
file(GLOB DIPTYCH_OPS_TD CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/ir/Ops.td")
file(GLOB DIPTYCH_DIALECT_TD CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/ir/Dialect.td")
file(GLOB DIPTYCH_PASSES_TD CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/passes/Passes.td")

if(DIPTYCH_TBLGEN_SOURCES)
  # By file, not by target: the exported MLIRTableGen target would pull in static LLVM beside libLLVM.so.
  set(archives)
  foreach(name IN ITEMS MLIRTblgenLib MLIRTableGen LLVMTableGen)
    find_library(DIPTYCH_${name}_ARCHIVE NAMES "lib${name}.a" PATHS "${LLVM_LIBRARY_DIR}" NO_DEFAULT_PATH REQUIRED)
    list(APPEND archives "${DIPTYCH_${name}_ARCHIVE}")
  endforeach()
  add_executable(diptych-tblgen ${DIPTYCH_TBLGEN_SOURCES})
  target_include_directories(diptych-tblgen PRIVATE "${PROJECT_SOURCE_DIR}")
  target_include_directories(diptych-tblgen SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_compile_definitions(diptych-tblgen PRIVATE ${DIPTYCH_LLVM_DEFINITIONS})
  target_link_libraries(diptych-tblgen PRIVATE -Wl,--start-group ${archives} -Wl,--end-group "${DIPTYCH_LLVM_LIBRARY}")
endif()

# diptych_tablegen(<tool target> <table> <output, relative to the build folder> <generator flags>...)
function(diptych_tablegen tool table output)
  set(file "${PROJECT_BINARY_DIR}/${output}")
  get_filename_component(folder "${file}" DIRECTORY)
  file(MAKE_DIRECTORY "${folder}")
  list(TRANSFORM MLIR_INCLUDE_DIRS PREPEND "-I" OUTPUT_VARIABLE includes)
  add_custom_command(OUTPUT "${file}"
    COMMAND env ASAN_OPTIONS=detect_leaks=0:detect_container_overflow=0
      $<TARGET_FILE:${tool}> ${ARGN} "-I${PROJECT_SOURCE_DIR}" ${includes} "${table}"
      --write-if-changed -o "${file}" -d "${file}.d"
    DEPENDS ${tool} "${table}"
    DEPFILE "${file}.d"
    COMMENT "Generating ${output}"
    VERBATIM)
endfunction()

if(DIPTYCH_OPS_TD AND TARGET diptych-tblgen)
  set(DIPTYCH_GENERATED)
  foreach(pair IN ITEMS
      op-codes:ir/OpCodes.h.inc op-table:ir/OpTable.cpp.inc emitted:ir/Emitted.h.inc
      dsl-decls:include/diptych/Ops.h.inc dsl-defs:frontend/Ops.cpp.inc
      rule-decls:autodiff/Rules.h.inc rule-table:autodiff/Rules.cpp.inc
      lowering-decls:codegen/Lowerings.h.inc lowering-table:codegen/Lowerings.cpp.inc
      library-decls:runtime/Library.h.inc library-table:runtime/Library.cpp.inc
      docs:docs/operators.md suite:tests/OperatorSuite.inc)
    string(REPLACE ":" ";" pair "${pair}")
    list(GET pair 0 generator)
    list(GET pair 1 output)
    set(options)
    if(generator STREQUAL "docs")
      set(options "-accuracy=${PROJECT_SOURCE_DIR}/docs/accuracy.txt")
    endif()
    diptych_tablegen(diptych-tblgen "${DIPTYCH_OPS_TD}" ${output} -gen-${generator} ${options})
    if(generator STREQUAL "docs")
      add_custom_command(OUTPUT "${PROJECT_BINARY_DIR}/${output}" APPEND
        DEPENDS "${PROJECT_SOURCE_DIR}/docs/accuracy.txt")
      add_custom_target(diptych-docs ALL DEPENDS "${PROJECT_BINARY_DIR}/${output}")
    elseif(generator STREQUAL "suite")
      add_custom_target(diptych-suite DEPENDS "${PROJECT_BINARY_DIR}/${output}")
    else()
      list(APPEND DIPTYCH_GENERATED "${PROJECT_BINARY_DIR}/${output}")
    endif()
  endforeach()
  add_custom_target(diptych-generated DEPENDS ${DIPTYCH_GENERATED})
endif()

set(outputs)
if(DIPTYCH_DIALECT_TD)
  foreach(pair IN ITEMS dialect:Dialect op:Ops)
    string(REPLACE ":" ";" pair "${pair}")
    list(GET pair 0 kind)
    list(GET pair 1 name)
    set(only)
    if(kind STREQUAL "dialect")
      set(only -dialect=diptych)
    endif()
    diptych_tablegen(mlir-tblgen "${DIPTYCH_DIALECT_TD}" ir/Diptych${name}.h.inc -gen-${kind}-decls ${only})
    diptych_tablegen(mlir-tblgen "${DIPTYCH_DIALECT_TD}" ir/Diptych${name}.cpp.inc -gen-${kind}-defs ${only})
    list(APPEND outputs "${PROJECT_BINARY_DIR}/ir/Diptych${name}.h.inc" "${PROJECT_BINARY_DIR}/ir/Diptych${name}.cpp.inc")
  endforeach()
endif()
if(DIPTYCH_PASSES_TD)
  diptych_tablegen(mlir-tblgen "${DIPTYCH_PASSES_TD}" passes/Passes.h.inc -gen-pass-decls -name Diptych)
  list(APPEND outputs "${PROJECT_BINARY_DIR}/passes/Passes.h.inc")
endif()
if(outputs)
  add_custom_target(diptych-dialect-generated DEPENDS ${outputs})
endif()
