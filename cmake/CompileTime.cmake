# convtune_hasten(TARGET HEADERS...): TARGET takes longer to build than it ever runs. Its heavy headers
# (the arguments of target_precompile_headers) are parsed once, and its own code, not that of the
# libraries that it links, is optimised but a little.
function(convtune_hasten target)
  target_precompile_headers(${target} ${ARGN})
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()
