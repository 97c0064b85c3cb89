# Kernels of runtime/library for artefacts: aot/library compiled to LLVM bitcode, carried by libdiptych-compiler as data.
# As runtime/library itself is compiled, so that the bits are the same, but with nothing of a C++ library. By the same
# compiler, too: eigh has other bits from g++. So there is none unless Diptych is built with clang.

# Sets `result` to a source file that defines libraryBitcode().
function(diptych_bitcode result)
  set(bitcode_data)
  set(bitcode_list)
  set(objects)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/aot/library/*.cpp")
    file(GLOB headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/aot/library/*.h" "${PROJECT_SOURCE_DIR}/runtime/library/kernels/*.h")
    foreach(source IN LISTS sources)
      get_filename_component(name "${source}" NAME_WE)
      set(object "${PROJECT_BINARY_DIR}/kernels/${name}.bc")
      add_custom_command(OUTPUT "${object}"
        COMMAND "${CMAKE_COMMAND}" -E make_directory "${PROJECT_BINARY_DIR}/kernels"
        COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} "${CMAKE_CXX_COMPILER}" -std=c++20 -O2 -DNDEBUG -fPIC -ffp-contract=off -Wall -Wextra
          ${matrix_options} -DEIGEN_NO_IO "-I${PROJECT_SOURCE_DIR}"
          -fno-exceptions -fno-rtti -fno-math-errno -fno-threadsafe-statics -fno-stack-protector
          -fno-unwind-tables -fno-asynchronous-unwind-tables -fno-builtin-malloc -fno-builtin-free -U_FORTIFY_SOURCE
          -emit-llvm -c "${source}" -o "${object}"
        DEPENDS "${source}" ${headers}
        COMMENT "Compiling ${name} of artefacts to bitcode"
        VERBATIM)
      list(APPEND objects "${object}")
      set(symbol "diptych_bitcode_${name}")
      string(APPEND bitcode_data
        "asm(R\"(.pushsection .rodata,\"a\"\n.balign 16\n${symbol}:\n.incbin \"${object}\"\n${symbol}_end:\n.popsection)\");\n"
        "extern \"C\" __attribute__((visibility(\"hidden\"))) const char ${symbol}[], ${symbol}_end[];\n")
      string(APPEND bitcode_list "{${symbol}, static_cast<size_t>(${symbol}_end - ${symbol})}, ")
    endforeach()
  endif()
  set(file "${PROJECT_BINARY_DIR}/aot/LibraryBitcode.cpp")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/LibraryBitcode.cpp.in" "${file}" @ONLY)
  set_source_files_properties("${file}" PROPERTIES OBJECT_DEPENDS "${objects}" SKIP_PRECOMPILE_HEADERS ON)
  set(${result} "${file}" PARENT_SCOPE)
endfunction()
