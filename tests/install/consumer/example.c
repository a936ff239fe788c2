#include <convtune/convtune.h>
#include <stdio.h>

int main(void) {
  convtune_conv1d_options options;
  convtune_conv1d_options_init(&options, sizeof options);
  options.kernel_size = 3;
  options.in_channels = 1;
  options.out_channels = 1;
  options.padding_left = 2; /* causal */

  const float weight[3] = {1, 10, 100};
  const float x[4] = {1, 2, 3, 4};
  float y[4];
  char plan[200];
  convtune_conv1d* conv = NULL;
  if (convtune_conv1d_create(&options, &conv) != CONVTUNE_OK ||
      convtune_conv1d_load_weights(conv, weight, sizeof weight, NULL, 0) != CONVTUNE_OK ||
      convtune_conv1d_run(conv, 1, 4, x, y, NULL) != CONVTUNE_OK ||
      convtune_conv1d_plan(conv, 1, 4, plan, sizeof plan, NULL) != CONVTUNE_OK) {
    fprintf(stderr, "%s\n", convtune_last_error());
    return 1;
  }
  printf("%g %g %g %g by %s\n", y[0], y[1], y[2], y[3], plan);
  convtune_conv1d_destroy(conv);
  return 0;
}
