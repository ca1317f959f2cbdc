"""Domain styles: what people wear and what cameras do to their pictures."""

from dataclasses import dataclass

Range = tuple[float, float]

# RGB, as a clothes catalogue would name them.
COLOURS = dict(
    black=(26, 26, 30), charcoal=(58, 58, 64), grey=(122, 122, 126),
    silver=(178, 180, 184), white=(240, 240, 238), navy=(26, 34, 78),
    blue=(36, 78, 190), sky=(118, 170, 225), teal=(0, 122, 122),
    green=(32, 132, 62), olive=(92, 98, 48), lime=(150, 210, 60),
    yellow=(242, 206, 50), mustard=(190, 145, 40), orange=(236, 120, 34),
    red=(204, 34, 40), maroon=(112, 24, 40), pink=(238, 142, 172),
    magenta=(204, 40, 142), purple=(110, 58, 152), lilac=(180, 160, 216),
    brown=(106, 70, 44), tan=(190, 154, 110), beige=(222, 205, 174),
    denim=(68, 94, 140), pale_denim=(136, 160, 194), khaki=(164, 150, 110),
    mint=(160, 222, 190))

SKINS = ((244, 208, 180), (230, 184, 148), (205, 152, 112), (165, 112, 76),
         (120, 78, 52), (82, 54, 40))

HAIR_COLOURS = dict(
    black=(24, 20, 20), dark=(56, 38, 28), brown=(96, 62, 36),
    auburn=(130, 58, 34), blond=(208, 172, 104), grey=(150, 148, 146),
    white=(222, 220, 216), red=(172, 74, 30))


def _even(names: str) -> dict:
    return dict.fromkeys(names.split(), 1.0)


@dataclass(frozen=True)
class Style:
    """One domain style.

    Wardrobe fields map a name to its weight. Camera fields are ranges
    ``(low, high)`` from which each camera draws its own value once; their
    width is what makes cameras of one style differ.
    """

    index: int  # part of every random seed: other styles, other people
    uppers: dict
    lowers: dict
    patterns: dict
    upper_colours: dict
    lower_colours: dict
    shoes: dict
    bags: dict
    hats: dict
    scenes: dict  # kinds of background scene
    skins: tuple = (3, 4, 3, 2, 1, 1)  # weights of SKINS
    light: Range = (0.2, 0.4)  # strength of the directed light, 0..1
    gain: Range = (0.95, 1.05)  # exposure factor
    cast: float = 0.0  # largest relative shift between red and blue
    saturation: Range = (1.0, 1.0)  # 1 leaves colours alone, 0 is grey
    contrast: Range = (1.0, 1.0)  # slope around mid grey
    haze: Range = (0.0, 0.0)  # grey levels added everywhere
    blur: Range = (0.0, 0.0)  # Gaussian sigma in pixels, 128 high image
    noise: Range = (0.0, 0.0)  # sensor noise in grey levels
    quality: Range = (95, 95)  # of the JPEG
    resolution: Range = (1.0, 1.0)  # fraction that is left
    occlusion: Range = (0.0, 0.0)  # probability of something in front
    misalign: Range = (0.0, 0.01)  # deviation of the crop, body heights
    zoom: Range = (0.9, 0.94)  # body height as a fraction of the crop's
    pitch: Range = (0.0, 0.1)  # downward angle of the camera, radians
    folds: float = 0.0  # strength of cloth folds and surface texture
    passers: float = 0.0  # probability of somebody else behind
    scarf: float = 0.0  # probability of a scarf


SYNTHETIC = Style(
    index=0,
    uppers=_even('tshirt longsleeve jacket hoodie tank dress shirt'),
    lowers=_even('trousers shorts skirt leggings'),
    patterns=dict(plain=5, stripes=1, block=1.5, print=1.5),
    upper_colours=_even('red blue green yellow orange purple white black '
                        'teal pink lime sky magenta grey navy brown olive'),
    lower_colours=_even('black blue white red denim green khaki purple '
                        'grey navy beige'),
    shoes=dict(sneakers=3, boots=1, plain=1),
    bags=dict(none=5, backpack=2, handbag=1, shoulder=1),
    hats=dict(none=7, cap=2),
    scenes=dict(flat=2, plaza=1, mall=1, street=1),
    light=(0.15, 0.35), gain=(0.82, 1.1), cast=0.05, saturation=(1.05, 1.2),
    blur=(0.0, 0.4), noise=(0.0, 1.5), pitch=(0.0, 0.15))

# what the cameras of all styles have in common that look real
_REAL = dict(quality=(50, 90), resolution=(0.65, 1.0), occlusion=(0.02, 0.12),
             misalign=(0.006, 0.02), passers=0.08)

REAL_A = Style(  # a cold city: streets, dark layers, coats
    index=1,
    uppers=dict(coat=4, jacket=5, suit=1.5, hoodie=2, longsleeve=1.5,
                shirt=1, vest=1),
    lowers=dict(trousers=7, leggings=2, wide=1.5, longskirt=.5, skirt=.7),
    patterns=dict(plain=6, stripes=1, checks=1.5, logo=1.5, print=1,
                  block=1.5, zigzag=.5),
    upper_colours=dict(black=5, charcoal=3, navy=3, grey=3, brown=2,
                       olive=2, maroon=1.5, beige=1.5, khaki=1.5, white=1,
                       red=1, mustard=.7, teal=.7, denim=1.5, blue=.7),
    lower_colours=dict(black=4, charcoal=2, denim=4, navy=2, grey=1.5,
                       khaki=1, brown=1, pale_denim=1),
    shoes=dict(sneakers=3, boots=3, plain=2),
    bags=dict(none=4, backpack=3, shoulder=2, handbag=1, briefcase=.7,
              suitcase=.5),
    hats=dict(none=7, beanie=2, cap=1, hood=.7),
    scenes=dict(street=3, station=1, plaza=1),
    skins=(4, 4, 2, 1, 1, 1),
    light=(0.1, 0.5), gain=(0.76, 1.14), cast=0.1, saturation=(0.7, 1.0),
    contrast=(0.82, 1.1), haze=(0, 18), blur=(0.2, 0.6), noise=(1, 4),
    zoom=(0.86, 0.99), pitch=(0.05, 0.3), folds=0.16, scarf=0.25,
    **_REAL)

REAL_B = Style(  # a warm campus and mall: light clothes, strong sun, indoor
    index=2,
    uppers=dict(tshirt=6, shirt=3, tank=1.5, longsleeve=1.5, dress=1.5,
                hoodie=.7, jacket=.7),
    lowers=dict(shorts=4, trousers=4, skirt=2, longskirt=1, wide=1,
                leggings=1),
    patterns=dict(plain=5, stripes=2, vstripes=.7, checks=1.5, logo=2,
                  print=2, dots=1, block=1),
    upper_colours=dict(white=5, sky=2, pink=1.5, beige=2, mint=1.5,
                       lilac=1, yellow=1, grey=1.5, black=2, blue=1,
                       red=1, silver=1.5, navy=1, orange=.5, green=.7),
    lower_colours=dict(pale_denim=3, denim=3, beige=2, khaki=2, black=2,
                       white=1, grey=1, navy=1, olive=.5),
    shoes=dict(sneakers=4, sandals=2, plain=1.5),
    bags=dict(none=4, backpack=3, shoulder=2.5, handbag=1.5, tote=1),
    hats=dict(none=7, cap=1.5, sunhat=1),
    scenes=dict(mall=3, plaza=2, park=1),
    skins=(3, 5, 4, 2, 1, 1),
    light=(0.2, 0.7), gain=(0.8, 1.12), cast=0.12, saturation=(0.65, 1.1),
    contrast=(0.85, 1.15), haze=(0, 15), blur=(0.1, 0.7), noise=(1, 5),
    zoom=(0.84, 0.97), pitch=(0.0, 0.3), folds=0.14, scarf=0.02,
    **_REAL)

UNSEEN = Style(  # a park in autumn seen by cheap cameras
    index=3,
    uppers=dict(jacket=3, longsleeve=3, shirt=2, hoodie=2, tshirt=2, coat=1,
                vest=1.5, dress=.7, suit=.7),
    lowers=dict(trousers=5, wide=1.5, leggings=2, shorts=1.2, skirt=1,
                longskirt=1),
    patterns=dict(plain=4, stripes=2, vstripes=1, checks=2, logo=1, print=1,
                  block=2, dots=.7, zigzag=1),
    upper_colours=dict(olive=2, brown=2, mustard=2, maroon=2, teal=2,
                       grey=2, navy=2, black=2, white=1.5, purple=1.5,
                       tan=1.5, green=1.5, red=1, orange=1, denim=1.5,
                       lilac=1, silver=1),
    lower_colours=dict(denim=3, black=3, brown=1.5, khaki=2, charcoal=2,
                       olive=1, navy=1.5, beige=1, maroon=.7),
    shoes=dict(sneakers=3, boots=2, plain=2, sandals=.5),
    bags=dict(none=4, backpack=2.5, shoulder=2, handbag=1, tote=1.5),
    hats=dict(none=7, cap=1, beanie=1, sunhat=.5, hood=.5),
    scenes=dict(park=2, plaza=1, street=1),
    light=(0.1, 0.55), gain=(0.78, 1.18), cast=0.1, saturation=(0.7, 1.05),
    contrast=(0.85, 1.15), haze=(0, 16), blur=(0.2, 0.6), noise=(1, 4),
    zoom=(0.85, 0.99), pitch=(0.0, 0.3), folds=0.15, scarf=0.12,
    **_REAL)

STYLES = dict(
    synthetic=SYNTHETIC, real_a=REAL_A, real_b=REAL_B, unseen=UNSEEN)
