# Makes the files of this folder: three small networks of torchvision with random weights, exported by torch.onnx, and
# what PyTorch computes at some of their layers. Needs torch and torchvision (made with 1.13.0a0 and 0.14.1a0).
#
# golden.safetensors: NETWORK/x, NETWORK/y, and NETWORK/maps/MODULE as maps [n, channels, height, width]: tokens without
# the class token on their grid, NHWC as NCHW.

import json, struct, warnings
from pathlib import Path
import torch
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer

warnings.filterwarnings('ignore')
here = Path(__file__).parent
torch.manual_seed(7)


def grid(tokens):  # [n, 1 + 16, c]
    return tokens[:, 1:].transpose(1, 2).reshape(tokens.shape[0], -1, 4, 4)


def nchw(maps):
    return maps.permute(0, 3, 1, 2)


def same(maps):
    return maps


networks = {
    # Batch 1 is built into the reshapes of attention; the batch lies at axis 1 there.
    'vit': (
        lambda: VisionTransformer(image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=5),
        (32, 32), 17, False,
        {'encoder.layers.encoder_layer_0.mlp.1': grid, 'encoder.layers.encoder_layer_1.mlp.1': grid, 'encoder.layers.encoder_layer_1': grid},
    ),
    # Windows, shifts, masks and merging of patches, on NHWC, on a grid that is not square.
    'swin': (
        lambda: SwinTransformer(patch_size=[2, 2], embed_dim=8, depths=[1, 2], num_heads=[1, 2], window_size=[4, 4], num_classes=5),
        (16, 32), 17, True,
        {'features.1.0.mlp.1': nchw, 'features.3.0.mlp.1': nchw, 'features.3.1.mlp.1': nchw, 'features.3.1': nchw},
    ),
    # NCHW and NHWC in turns; normalisations and GELU are spelt out in this operator set.
    'convnext': (
        lambda: ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=5),
        (32, 40), 11, True,
        {'features.1.0.block.4': nchw, 'features.1.0': same, 'features.3.0.block.4': nchw, 'features.3.0': same},
    ),
}

tensors = {}
for name, (make, size, opset, dynamic, layers) in networks.items():
    model = make().eval()
    # Biases of 0 and scales of 1 or 1e-6 would hide mistakes.
    for parameter_name, parameter in model.named_parameters():
        if parameter.dim() < 2 or parameter_name.endswith('layer_scale'):
            torch.nn.init.normal_(parameter, 1 if parameter.abs().max() > 0.5 else 0, 0.2)
    x = torch.randn(3, 3, *size)
    maps = {}
    modules = dict(model.named_modules())
    for layer, lay in layers.items():
        modules[layer].register_forward_hook(lambda _m, _i, out, layer=layer, lay=lay: maps.update({layer: lay(out)}))
    with torch.no_grad():
        tensors[f'{name}/x'], tensors[f'{name}/y'] = x, model(x)
        tensors.update({f'{name}/maps/{layer}': value for layer, value in maps.items()})
    axes = {'image': {0: 'n'}, 'logits': {0: 'n'}} if dynamic else None
    torch.onnx.export(model, x[:1], str(here / f'{name}.onnx'), opset_version=opset, input_names=['image'],
                      output_names=['logits'], dynamic_axes=axes)

header, offset = {}, 0
for name, value in tensors.items():
    size = value.numel() * 4
    header[name] = {'dtype': 'F32', 'shape': list(value.shape), 'data_offsets': [offset, offset + size]}
    offset += size
text = json.dumps(header).encode()
text += b' ' * (-len(text) % 8)
data = b''.join(value.contiguous().numpy().tobytes() for value in tensors.values())
(here / 'golden.safetensors').write_bytes(struct.pack('<Q', len(text)) + text + data)
