#pragma once

#include <array>
#include <cstddef>

namespace convtune {

/// F(m,3) of Winograd and Toom-Cook: m outputs of three taps at stride 1, one dilation apart,
/// from the m + 2 inputs that they read (a patch) by m + 2 products instead of 3·m,
///   y = output · ((weight · w) ∘ (input · x))
/// with w the taps and x the patch. All of `input` and `output` is exact in float32. The notation
/// is that of Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2015); the points
/// of interpolation are 0, 1, −1 and ∞, for m = 4 also 1/2 and −2, whose rounding errors are small:
/// no sum of products on the way to an output exceeds winograd_growth
/// (kernels/winograd_magnitudes.hpp) times max|x| · Σ|w|.
template <std::size_t m>
struct Patch;

template <std::size_t rows, std::size_t columns, class T = float>
using Matrix = std::array<std::array<T, columns>, rows>;

template <>
struct Patch<2> {
  static constexpr Matrix<4, 4> input = {{{-1, 0, 1, 0},  //
                                          {0, 1, 1, 0},
                                          {0, -1, 1, 0},
                                          {0, -1, 0, 1}}};
  static constexpr Matrix<4, 3, double> weight = {{{-1, 0, 0},  //
                                                   {0.5, 0.5, 0.5},
                                                   {0.5, -0.5, 0.5},
                                                   {0, 0, 1}}};
  static constexpr Matrix<2, 4> output = {{{1, 1, 1, 0},  //
                                           {0, 1, -1, 1}}};
};

template <>
struct Patch<4> {
  static constexpr Matrix<6, 6> input = {{{1, -1.5, -2, 1.5, 1, 0},
                                          {0, -1, 0.5, 2.5, 1, 0},
                                          {0, 1, -2.5, 0.5, 1, 0},
                                          {0, -2, -1, 2, 1, 0},
                                          {0, 0.5, -1, -0.5, 1, 0},
                                          {0, 1, -1.5, -2, 1.5, 1}}};
  static constexpr Matrix<6, 3, double> weight = {{{1, 0, 0},
                                                   {1. / 3, 1. / 3, 1. / 3},
                                                   {-1. / 3, 1. / 3, -1. / 3},
                                                   {-16. / 15, -8. / 15, -4. / 15},
                                                   {1. / 15, -2. / 15, 4. / 15},
                                                   {0, 0, 1}}};
  static constexpr Matrix<4, 6> output = {{{1, 1, 1, 1, 1, 0},
                                           {0, 1, -1, 0.5, -2, 0},
                                           {0, 1, 1, 0.25, 4, 0},
                                           {0, 1, -1, 0.125, -8, 1}}};
};

}  // namespace convtune
