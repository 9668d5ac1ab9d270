# Writes torchvision.json: what torchvision 0.14 (torch 1.13) makes of a small photo. Run: python make_torchvision.py
import json
import torch
import torchvision.transforms.functional as F

H, W = 9, 8
torch.manual_seed(5)
pixels = torch.randint(0, 256, (3, H, W), dtype=torch.uint8)
pixels[:, 0, 0], pixels[:, 0, 1], pixels[:, 0, 2] = 0, 255, 77  # no hue
pixels[:, 0, 3] = torch.tensor([255, 0, 0], dtype=torch.uint8)
pixels[:, 0, 4] = torch.tensor([0, 255, 255], dtype=torch.uint8)
pixels[:, 0, 5] = torch.tensor([127, 128, 128], dtype=torch.uint8)
x = pixels.float() / 255

cases = {}
for f in (0.4, 1.7):
    cases[f"brightness {f}"] = F.adjust_brightness(x, f)
    cases[f"contrast {f}"] = F.adjust_contrast(x, f)
    cases[f"saturation {f}"] = F.adjust_saturation(x, f)
for f in (-0.5, -0.37, 0.1, 0.5):
    cases[f"hue {f}"] = F.adjust_hue(x, f)
cases["greyscale"] = F.rgb_to_grayscale(x, 3)
cases["solarise"] = F.solarize(x, 0.5)
for sigma, size in ((0.3, 3), (1.0, 7), (1.5, 11)):
    cases[f"blur {sigma}"] = F.gaussian_blur(x, [size, size], [sigma, sigma])
for size in ((9, 8), (4, 3), (12, 5), (5, 16), (1, 1)):
    cases[f"resize {size[0]} {size[1]}"] = F.resize(x, list(size), antialias=True)

with open("torchvision.json", "w") as file:
    values = {name: [round(v, 7) for v in y.flatten().tolist()] for name, y in cases.items()}
    json.dump({"height": H, "width": W, "pixels": pixels.flatten().tolist(), "cases": values}, file)
    file.write("\n")
