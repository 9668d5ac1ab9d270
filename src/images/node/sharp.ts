// sharp, set for this program: whoever decodes or encodes takes it from here.

import sharp from 'sharp';

// No image is decoded twice, and images are decoded side by side: one thread each is the fastest.
sharp.cache(false);
sharp.concurrency(1);

export { sharp };
