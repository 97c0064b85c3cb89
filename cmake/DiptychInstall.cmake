# cmake --install: headers, both libraries, the package find_package(Diptych) finds.
