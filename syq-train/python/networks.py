"""The CIFAR-10 networks that torchvision does not have, with the layer names of the usual repositories."""
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet20(nn.Module):
    """He et al., CVPR 2016, section 4.2, with 1x1 convolutions as shortcuts."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        stage = lambda i, o, s: nn.Sequential(Block(i, o, s), Block(o, o, 1), Block(o, o, 1))
        self.layer1, self.layer2, self.layer3 = stage(16, 16, 1), stage(16, 32, 2), stage(32, 64, 2)
        self.fc = nn.Linear(64, num_classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.fc(x.mean((2, 3)))


class VggSmall(nn.Module):
    """Six 3x3 convolutions and one fully connected layer."""

    def __init__(self, num_classes=10):
        super().__init__()
        channels = 3
        for i, width in enumerate((128, 128, 256, 256, 512, 512)):
            self.add_module(f"conv{i}", nn.Conv2d(channels, width, 3, 1, 1, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(width))
            channels = width
        self.fc = nn.Linear(512 * 4 * 4, num_classes)

    def forward(self, x):
        for i in range(6):
            x = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x))
            x = F.relu(F.max_pool2d(x, 2) if i % 2 else x)
        return self.fc(x.flatten(1))
