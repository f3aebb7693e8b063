/* overlay: see overlay.h. OKLab to linear sRGB by Ottosson's matrices. */
#include "explain/overlay.h"

#include <math.h>

static uint8_t srgb(double linear)
{
    double v = linear < 0 ? 0 : linear > 1 ? 1 : linear;
    v = v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055;
    return (uint8_t)(v * 255 + 0.5);
}

void fab_overlay_colour(float t, uint8_t rgb[3])
{
    double u = t < 0 ? 0 : t > 1 ? 1 : (double)t;
    double L = 0.32 + 0.62 * u,
           hue = (-65 + 165 * u) * 3.14159265358979323846 / 180; /* violet, red, orange, yellow */
    double chroma = 0.10 + 0.36 * u * (1 - u), a = chroma * cos(hue), b = chroma * sin(hue);
    double l = L + 0.3963377774 * a + 0.2158037573 * b;
    double m = L - 0.1055613458 * a - 0.0638541728 * b;
    double s = L - 0.0894841775 * a - 1.2914855480 * b;
    l = l * l * l, m = m * m * m, s = s * s * s;
    rgb[0] = srgb(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
    rgb[1] = srgb(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
    rgb[2] = srgb(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s);
}

void fab_overlay(const uint8_t *rgb, const float *heat, int width, int height, uint8_t *out)
{
    uint8_t table[256][3];
    for (int i = 0; i < 256; i++) fab_overlay_colour((float)i / 255, table[i]);
    for (int64_t i = 0; i < (int64_t)width * height; i++) {
        const uint8_t *p = rgb + 3 * i;
        float t = heat[i] < 0 ? 0 : heat[i] > 1 ? 1 : heat[i];
        float grey = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
        float ease = t < 0.15f ? 0 : (t - 0.15f) / 0.85f; /* cold places stay clear */
        float opacity = 0.62f * ease * (2 - ease);
        const uint8_t *colour = table[(int)(t * 255 + 0.5f)];
        for (int j = 0; j < 3; j++)
            out[3 * i + j] = (uint8_t)(grey + ((float)colour[j] - grey) * opacity + 0.5f);
    }
}
