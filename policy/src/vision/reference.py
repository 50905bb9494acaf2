"""The features that the test `as_pytorch_and_torchvision_have_it` expects, from PyTorch and torchvision.

    pip install torch==2.11.0 torchvision numpy; python policy/src/vision/reference.py

The parameters are sines, so that both sides have them without a file. Spatial softmax and linear layer are those of
LeRobot's DiffusionRgbEncoder.
"""

import numpy as np
import torch
from torch import nn
from torchvision.models import ResNet
from torchvision.models.resnet import BasicBlock

WIDTH, KEYPOINTS, FEATURES, HEIGHT, BREADTH = 4, 3, 6, 40, 36


def norm(channels):
    return nn.GroupNorm(max(1, channels // 16), channels)


class Narrow(ResNet):
    """torchvision's ResNet18, built for any width."""

    def __init__(self, width):
        nn.Module.__init__(self)
        self._norm_layer, self.inplanes, self.dilation, self.groups, self.base_width = norm, width, 1, 1, 64
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1, self.relu, self.maxpool = norm(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._make_layer(BasicBlock, width, 2)
        self.layer2 = self._make_layer(BasicBlock, 2 * width, 2, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 4 * width, 2, stride=2)
        self.layer4 = self._make_layer(BasicBlock, 8 * width, 2, stride=2)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


backbone = Narrow(WIDTH)
nets, out = nn.Conv2d(8 * WIDTH, KEYPOINTS, 1), nn.Linear(2 * KEYPOINTS, FEATURES)
parameters = list(backbone.named_parameters()) + list(nets.named_parameters()) + list(out.named_parameters())
for index, (name, p) in enumerate(parameters):
    sines = np.sin(0.37 * np.arange(p.numel()) + 1.1 * index)
    values = 1 + 0.1 * sines if p.dim() == 1 and name.endswith("weight") else 0.3 * sines
    p.data = torch.tensor(values.astype(np.float32)).reshape(p.shape)

pixels = (np.arange(2 * HEIGHT * BREADTH * 3) * 37 + np.arange(2 * HEIGHT * BREADTH * 3) ** 2 // 97) % 256
x = torch.tensor(pixels.reshape(2, HEIGHT, BREADTH, 3)).permute(0, 3, 1, 2) / 255 * 2 - 1
maps = nets(backbone(x.float()))
_, _, h, w = maps.shape
columns, rows = np.meshgrid(np.linspace(-1.0, 1.0, w), np.linspace(-1.0, 1.0, h))
grid = torch.tensor(np.stack([columns.flatten(), rows.flatten()], 1)).float()
attention = maps.reshape(-1, h * w).softmax(-1)
keypoints = (attention @ grid).view(2, KEYPOINTS * 2)
print([name for name, _ in parameters][-8:], (h, w))
print("keypoints", [f"{v:.6f}" for v in keypoints.flatten().tolist()])
print("features", [f"{v:.6f}" for v in torch.relu(out(keypoints)).flatten().tolist()])
