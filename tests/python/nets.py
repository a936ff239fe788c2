"""Two small models with the convolutions of real ones."""

from pytorch import torch
from torch import nn
from torch.nn.functional import leaky_relu
from torch.nn.utils import weight_norm


class ResidualBlock(nn.Module):
    """HiFi-GAN's: each dilation, then 1."""

    def __init__(self, channels, kernel_size, dilations):
        super().__init__()
        self.dilated, self.plain = (nn.ModuleList(
            weight_norm(nn.Conv1d(channels, channels, kernel_size, dilation=dilation,
                                  padding=dilation * (kernel_size - 1) // 2)) for dilation in each)
            for each in (dilations, [1] * len(dilations)))

    def forward(self, x):
        for dilated, plain in zip(self.dilated, self.plain):
            x = x + plain(leaky_relu(dilated(leaky_relu(x, 0.1)), 0.1))
        return x


class Generator(nn.Module):
    """HiFi-GAN's: mel frames (N, 20, T) to samples (N, 1, 16·T). Its transposed convolutions stay
    PyTorch's."""

    def __init__(self):
        super().__init__()
        self.before = weight_norm(nn.Conv1d(20, 32, 7, padding=3))
        self.up = nn.ModuleList(weight_norm(nn.ConvTranspose1d(channels, channels // 2, 8, 4, 2))
                                for channels in (32, 16))
        self.blocks = nn.ModuleList(
            nn.ModuleList(ResidualBlock(channels, taps, (1, 3, 5)) for taps in (3, 7))
            for channels in (16, 8))
        self.after = weight_norm(nn.Conv1d(8, 1, 7, padding=3))

    def forward(self, x):
        x = self.before(x)
        for up, blocks in zip(self.up, self.blocks):
            x = up(leaky_relu(x, 0.1))
            x = sum(block(x) for block in blocks) / len(blocks)
        return torch.tanh(self.after(leaky_relu(x)))


class ConformerConvolution(nn.Module):
    """The Conformer's convolution module, of (N, T, channels)."""

    def __init__(self, channels=24, kernel_size=31):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Conv1d(channels, 2 * channels, 1)
        self.depthwise = nn.Conv1d(channels, channels, kernel_size, padding="same", groups=channels)
        self.batch_norm = nn.BatchNorm1d(channels)
        self.narrow = nn.Conv1d(channels, channels, 1)

    def forward(self, x):
        y = nn.functional.glu(self.widen(self.norm(x).transpose(1, 2)), dim=1)
        y = nn.functional.silu(self.batch_norm(self.depthwise(y)))
        return x + self.narrow(y).transpose(1, 2)
