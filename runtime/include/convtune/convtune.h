/* The C interface: a Conv1d behind an opaque handle.
 *
 * Functions that can fail return a convtune_status; convtune_last_error() then has the reason. No
 * pointer argument is trusted to be non-null, and no C++ exception leaves the library. Functions
 * that take a const handle may be called from any number of threads at once. */
#ifndef CONVTUNE_CONVTUNE_H
#define CONVTUNE_CONVTUNE_H

/* NOLINTBEGIN(modernize-*) this is C */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are those of the command line's exit codes. */
typedef enum convtune_status {
  CONVTUNE_OK = 0,
  CONVTUNE_INVALID = 2,     /* an argument that breaks a rule */
  CONVTUNE_UNAVAILABLE = 3, /* no such device, driver, compiler or plan */
  CONVTUNE_STORAGE = 4,     /* a file that cannot be read, or is damaged */
  CONVTUNE_FAILED = 6       /* all else: too little memory, say, or a fault of the GPU */
} convtune_status;

typedef enum convtune_dtype {
  CONVTUNE_FLOAT32 = 0,
  CONVTUNE_FLOAT16 = 1,
  CONVTUNE_BFLOAT16 = 2
} convtune_dtype;

/* Applied after the bias. */
typedef enum convtune_activation {
  CONVTUNE_ACTIVATION_NONE = 0,
  CONVTUNE_RELU = 1,
  CONVTUNE_GELU = 2,
  CONVTUNE_GELU_TANH = 3,
  CONVTUNE_SILU = 4,
  CONVTUNE_TANH = 5
} convtune_activation;

/* How products may be computed; TF32 for float32 only. */
typedef enum convtune_math {
  CONVTUNE_IEEE = 0,   /* float32 products */
  CONVTUNE_TF32X3 = 1, /* three TF32 products; an infinity becomes NaN */
  CONVTUNE_TF32 = 2,   /* inputs rounded to TF32 */
  /* products of sums of x by sums of weights where these are fewer (three taps, stride 1): an error
   * is relative to neighbouring positions, too. An infinity or NaN in x reaches a few of them, in a
   * weight all outputs of its channel, as may an |x| above 2^124 or a |w| above 2^125. */
  CONVTUNE_WINOGRAD = 3
} convtune_math;

/* What serves a shape that has no tuned plan. */
typedef enum convtune_policy {
  CONVTUNE_NEAREST_OR_HEURISTIC = 0,
  CONVTUNE_CPU = 1,
  CONVTUNE_COMPILE_AND_WAIT = 2,
  CONVTUNE_COMPILE_IN_BACKGROUND = 3,
  CONVTUNE_ERROR = 4
} convtune_policy;

/* What a Conv1d is made of: the parameters of max.nn.Conv1D by their names, then three of our own.
 * Later versions add fields at the end only. */
typedef struct convtune_conv1d_options {
  size_t size; /* of this struct as its user knows it: set by convtune_conv1d_options_init() */
  int64_t kernel_size;
  int64_t in_channels;
  int64_t out_channels;
  int64_t stride;
  int64_t padding_left;
  int64_t padding_right;
  int64_t dilation;
  int64_t num_groups;
  int32_t dtype;      /* a convtune_dtype */
  int32_t has_bias;   /* 0 or 1 */
  int32_t permute;    /* 0 or 1, PyTorch's order of dimensions (below) */
  int32_t activation; /* a convtune_activation */
  int32_t math;       /* a convtune_math */
  int32_t policy;     /* a convtune_policy */
  const char* device; /* "cpu", "cuda", "cuda:1" or "auto"; null means "cpu" */
  const char* name;   /* weights are called NAME.weight and NAME.bias; null means without NAME */
} convtune_conv1d_options;

/* y = activation(conv(x, filter) + bias)
 *   permute 0: x (N, L, Cin), filter (K, Cin/G, Cout), y (N, L', Cout)
 *   permute 1: x (N, Cin, L), filter (Cout, Cin/G, K), y (N, Cout, L')
 * where L' = (L + left + right - dilation * (K - 1) - 1) / stride + 1, rounded down. Arrays are
 * packed, their elements are of the options' dtype. */
typedef struct convtune_conv1d convtune_conv1d;

/* "0.1.0" if it is a release, "0.1.0+3.gHASH" if it is the third commit after that one,
 * "0.1.0.dev5+gHASH" if it is not released yet. */
const char* convtune_version(void);

/* Why the last call of this thread that failed did so: one sentence, or "" if none has failed. It
 * stays as it is until the next failure. */
const char* convtune_last_error(void);

/* Fills in the defaults: stride, dilation and num_groups 1, all else 0. `size` is sizeof *options
 * and must be the one that convtune.h had when the caller was compiled. */
convtune_status convtune_conv1d_options_init(convtune_conv1d_options* options, size_t size);

/* A GPU that cannot be used is replaced by the CPU, unless the policy is CONVTUNE_ERROR. */
convtune_status convtune_conv1d_create(const convtune_conv1d_options* options,
                                       convtune_conv1d** conv);

/* Waits for the runs that were started. Null is nothing to destroy. */
void convtune_conv1d_destroy(convtune_conv1d* conv);

/* Copies the weights out of host memory, with their sizes in bytes; bias is null without has_bias.
 * Loading again must not overlap with a run of the same handle. */
convtune_status convtune_conv1d_load_weights(convtune_conv1d* conv, const void* filter,
                                             size_t filter_bytes, const void* bias,
                                             size_t bias_bytes);

/* The same out of a safetensors file, by the names NAME.weight and NAME.bias. */
convtune_status convtune_conv1d_load_safetensors(convtune_conv1d* conv, const char* path);

/* Does all that is slow for a shape: chooses a plan, packs the weights, compiles and loads.
 * `alignment` is what x and y will have at least, in bytes. */
convtune_status convtune_conv1d_prepare(const convtune_conv1d* conv, int64_t batch, int64_t length,
                                        size_t alignment);

/* L' for an input of length L. */
convtune_status convtune_conv1d_output_length(const convtune_conv1d* conv, int64_t length,
                                              int64_t* output_length);

/* Computes y from x, both in the memory of convtune_conv1d_device(). `stream` is a CUstream (the
 * runtime's cudaStream_t is the same), or null for the default one; the CPU ignores it. Runs on
 * different streams may overlap. On a prepared shape it waits for nothing and allocates nothing, so
 * it may be captured into a CUDA graph; only a cuDNN kernel that needs scratch memory allocates
 * some, once for each of 4 streams, in turns for more, and for each graph that is not destroyed. */
convtune_status convtune_conv1d_run(const convtune_conv1d* conv, int64_t batch, int64_t length,
                                    const void* x, void* y, void* stream);

/* What serves a shape, and why: "cpu_direct{...} (heuristic): The cost model's choice ...". Writes
 * at most `size` bytes with the final zero, cutting off what is more; `text` may be null if size
 * is 0. `*needed`, unless null, becomes the size that suffices. Prepares the shape if need be. */
convtune_status convtune_conv1d_plan(const convtune_conv1d* conv, int64_t batch, int64_t length,
                                     char* text, size_t size, size_t* needed);

/* "cpu" or "cuda:0", where x and y must lie, and why that is not what was asked for, or "". Both
 * live as long as the handle; of a null handle both are "". */
const char* convtune_conv1d_device(const convtune_conv1d* conv);
const char* convtune_conv1d_fallback_reason(const convtune_conv1d* conv);

#ifdef __cplusplus
}
#endif

/* NOLINTEND(modernize-*) */
#endif /* CONVTUNE_CONVTUNE_H */
