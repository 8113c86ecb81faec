"""Words that the text noises know: colours, materials, patterns, other adjectives, and names that mean the same.

Colours, materials and patterns come in families. Words of one family, or of two families that are near each other
(navy and black, suede and leather), never contradict: two people could use them for one thing. Written from what people
say of animals, things, shoes, chairs and furniture. Data only; imports nothing.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Family -> its words, the plainest first: that one is put in where another family's word is replaced.
COLORS: dict[str, tuple[str, ...]] = {
    "black": ("black", "jet-black", "ebony", "charcoal", "anthracite", "blackened", "blackish"),
    "white": ("white", "off-white", "snow-white", "whitish", "ivory", "eggshell"),
    "grey": ("grey", "gray", "slate grey", "ash grey", "greyish", "grayish", "silvery grey", "smoky"),
    "silver": ("silver", "silver-colour", "silver-coloured", "silvery", "chrome-coloured", "aluminium-colour"),
    "red": (
        *("red", "scarlet", "crimson", "ruby", "cherry red", "wine red", "burgundy", "maroon", "reddish", "brick-red"),
        *("oxblood", "vermilion", "cherry", "bordeaux", "dark red", "wine"),
    ),
    "orange": ("orange", "tangerine", "orangey", "rust", "rusty", "terracotta", "coral", "amber", "ginger", "peach"),
    "yellow": ("yellow", "mustard", "lemon", "lemon yellow", "yellowish", "ochre", "blonde", "blond"),
    "gold": ("gold", "golden", "gold-colour", "gold-coloured", "brass-coloured", "bronze", "copper-colour"),
    "green": (
        *("green", "olive", "lime green", "mint green", "bottle green", "emerald", "khaki", "greenish", "lime"),
        *("mossy", "forest green", "sage", "sage green", "army green", "mint", "olive green", "neon green"),
    ),
    "teal": ("turquoise", "teal", "aqua", "cyan", "petrol", "aquamarine"),
    "blue": (
        *("blue", "navy", "navy blue", "sky blue", "royal blue", "cobalt", "bluish", "azure", "indigo", "denim blue"),
        *("baby blue", "ice blue", "powder blue", "midnight blue"),
    ),
    "purple": ("purple", "violet", "lilac", "lavender", "plum", "mauve", "aubergine", "magenta", "purplish"),
    "pink": ("pink", "rose pink", "pinkish", "fuchsia", "salmon pink", "salmon", "blush", "dusty pink", "hot pink"),
    "brown": (
        *("brown", "chocolate brown", "chestnut", "cognac", "brownish", "tawny", "hazel", "mocha", "coffee brown"),
        *("chocolate", "caramel"),
    ),
    "beige": ("beige", "tan", "cream", "sand-coloured", "sandy", "camel-coloured", "taupe", "nude", "natural"),
    "multicolour": (
        *("multicolour", "multicolor", "multicoloured", "multicolored", "colourful", "colorful", "rainbow"),
        *("assorted colours", "brightly coloured"),
    ),
    "clear": ("transparent", "translucent", "see-through", "clear"),
    "monochrome": ("monochrome", "black-and-white", "muted"),
}
COLORS_NEAR: dict[str, tuple[str, ...]] = {
    "black": ("grey", "blue", "brown", "purple", "monochrome", "green", "red"),
    "white": ("beige", "grey", "silver", "clear", "monochrome", "yellow", "pink"),
    "grey": ("black", "white", "silver", "beige", "monochrome", "blue", "brown", "clear"),
    "silver": ("grey", "white", "clear", "monochrome", "gold"),
    "red": ("orange", "pink", "purple", "brown", "black"),
    "orange": ("red", "yellow", "gold", "brown", "pink", "beige"),
    "yellow": ("orange", "gold", "beige", "green", "white", "brown"),
    "gold": ("yellow", "orange", "brown", "beige", "silver"),
    "green": ("teal", "yellow", "black", "beige", "brown", "grey"),
    "teal": ("green", "blue", "grey"),
    "blue": ("teal", "purple", "black", "grey"),
    "purple": ("blue", "pink", "red", "black", "brown"),
    "pink": ("red", "purple", "orange", "white", "beige"),
    "brown": ("beige", "orange", "red", "gold", "black", "yellow", "grey", "green", "purple"),
    "beige": ("white", "brown", "yellow", "grey", "gold", "pink", "orange", "green"),
    "multicolour": (),
    "clear": ("white", "silver", "grey"),
    "monochrome": ("black", "white", "grey", "silver"),
}
# What a wrong colour is chosen from: plain words that anybody would type.
PLAIN_COLORS = ("black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
# Said before a colour, and gone with it. A shade of black stays no black: "light black" is nobody's word.
SHADES = (
    *("light", "dark", "pale", "deep", "bright", "vivid", "medium", "neon", "pastel", "dusty", "warm", "cool", "faded"),
    *("soft", "rich", "dull", "glossy", "matte", "high-gloss", "metallic"),
)

MATERIALS: dict[str, tuple[str, ...]] = {
    "leather": (
        *("leather", "patent leather", "faux leather", "leatherette", "nappa", "suede", "nubuck", "snakeskin"),
        *("crocodile leather", "patent", "shearling", "sheepskin"),
    ),
    "textile": (
        *("fabric", "canvas", "cloth", "cotton", "linen", "denim", "velvet", "satin", "silk", "wool", "felt", "lace"),
        *("woollen", "polyester", "nylon", "tweed", "corduroy", "chenille", "upholstery", "mesh", "knit", "knitted"),
        *("terry", "fleece", "jute", "burlap", "crochet"),
    ),
    "fur": ("fur", "furry", "fluffy", "plush", "fuzzy", "woolly", "shaggy"),
    "wood": (
        *("wooden", "wood", "oak", "pine", "birch", "walnut", "beech", "ash wood", "teak", "mahogany", "plywood"),
        *("bamboo", "softwood", "hardwood", "acacia", "veneer", "oak effect", "solid wood"),
    ),
    "wicker": ("wicker", "rattan", "seagrass", "straw", "water hyacinth", "banana fibre", "raffia", "espadrille"),
    "metal": (
        *("metal", "steel", "stainless steel", "iron", "wrought iron", "aluminium", "aluminum", "brass", "chrome"),
        *("copper", "tin", "chrome-plated", "nickel-plated", "galvanised", "zinc", "wire", "cast iron"),
    ),
    "plastic": ("plastic", "acrylic", "melamine", "polypropylene", "silicone", "vinyl", "foam", "rubber", "latex"),
    "glass": ("glass", "crystal", "frosted glass", "clear glass", "stained glass"),
    "ceramic": ("ceramic", "porcelain", "china", "stoneware", "earthenware", "clay", "pottery", "feldspar"),
    "stone": ("stone", "marble", "granite", "concrete", "slate", "brick", "sandstone", "rock", "cobblestone"),
    "paper": ("paper", "cardboard", "rice paper", "paper string"),
    "cork": ("cork",),
}
MATERIALS_NEAR: dict[str, tuple[str, ...]] = {
    "leather": ("plastic", "fur"),
    "textile": ("fur", "paper", "wicker"),
    "fur": ("leather", "textile"),
    "wood": ("wicker", "cork", "paper"),
    "wicker": ("wood", "textile", "paper"),
    "metal": (),
    "plastic": ("leather", "glass", "ceramic"),
    "glass": ("plastic", "ceramic"),
    "ceramic": ("glass", "stone", "plastic"),
    "stone": ("ceramic",),
    "paper": ("textile", "wood", "wicker"),
    "cork": ("wood",),
}
# What each material is taken for by somebody who is wrong: nobody remembers a wooden boot.
MATERIALS_MISTAKEN: dict[str, tuple[str, ...]] = {
    "leather": ("textile",),
    "textile": ("leather", "plastic"),
    "fur": ("plastic",),
    "wood": ("metal", "plastic", "stone"),
    "wicker": ("metal", "plastic", "leather"),
    "metal": ("wood", "plastic", "glass"),
    "plastic": ("wood", "metal", "textile"),
    "glass": ("metal", "wood"),
    "ceramic": ("metal", "wood"),
    "stone": ("wood", "metal"),
    "paper": ("metal", "plastic"),
    "cork": ("metal", "plastic"),
}

# Family -> words used before a noun, words used as a noun.
PATTERNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "stripes": (("striped", "stripy", "pinstriped"), ("stripes", "stripe", "stripe pattern", "bands")),
    "dots": (
        ("dotted", "polka dot", "polka-dot", "spotted", "speckled", "mottled"),
        ("dots", "polka dots", "spots", "speckles"),
    ),
    "checks": (("checked", "plaid", "chequered", "checkered", "tartan", "gingham"), ("checks", "check")),
    "flowers": (("floral", "flowered", "flowery"), ("flowers", "flower print", "floral print", "roses")),
    "animal print": (("leopard print", "leopard", "zebra print", "animal print", "snake print"), ("leopard spots",)),
    "camouflage": (("camouflage", "camo"), ("camouflage pattern",)),
    "zigzag": (("zigzag", "chevron", "herringbone"), ("zigzags", "zigzag lines", "chevrons")),
    "geometric": (("geometric",), ("geometric pattern", "triangles", "diamonds")),
    "plain": (("plain", "unpatterned", "solid-coloured"), ()),
}
PATTERNS_NEAR: dict[str, tuple[str, ...]] = {
    "stripes": ("zigzag", "checks", "geometric"),
    "dots": ("animal print", "camouflage"),
    "checks": ("stripes", "geometric"),
    "flowers": (),
    "animal print": ("dots", "camouflage"),
    "camouflage": ("dots", "animal print"),
    "zigzag": ("stripes", "geometric"),
    "geometric": ("zigzag", "checks", "stripes"),
    "plain": (),
}
PLAIN_PATTERNS = ("stripes", "dots", "checks", "flowers")

# Further words that say how a thing looks: they can be left out, but nothing contradicts them.
ADJECTIVES = _words(
    "acoustic ancient antique armoured assorted baby bare beaded big blurred blurry braided broad brushed bulky "
    "bushy buttoned carved chequerboard chunky classic closed cloudy coiled colored coloured compact crisscross "
    "curly curved cushioned cute cylindrical damp decorative distressed double drawn dried dry electric elegant "
    "embossed embroidered empty extendable fat fine flat flatwoven floppy flying foldable folding fresh fringed "
    "frosted giant glazed gleaming glittery glossy glowing grassy grazing hairy handmade hazy heavy high high- "
    "heeled high-top hollow huge huddled juvenile knee-high lace-up lacy large laced leafy leaning left little "
    "lit long low low-top lush male mature metal-framed metallic mini modern molded moulded molten muddy narrow "
    "neat new old open ornate oval outdoor overcast padded painted pair patterned peeling perforated pointed "
    "pointy polished potted puffy quilted rectangular resting retro ribbed riveted rocky rolled rough round "
    "rounded rugged rustic scaly sequined shady shallow sharp shiny short side-on single sitting sleek slatted "
    "slender slim slip-on sloped small smooth snowy soft sparkling sparse spiky square stacked standing steep "
    "stitched stone-built straight strappy studded stuffed sturdy sunlit sunny swivel tall tapered textured thick "
    "thin tiled tiny toy traditional triangular tropical tufted twin two-humped two-tone upholstered upright "
    "vintage weathered wet wide wild wooden-handled worn woven wrinkled young"
)

# Each line: words for one thing in a search. "a = b" may be said either way, "a | b" only b for a, because b says less
# (an apple is fruit, fruit is no apple). Plurals follow by themselves.
SYNONYMS: tuple[str, ...] = tuple(
    line.strip()
    for line in """
    black | jet-black
    white | snow-white
    grey = gray
    navy = navy blue = dark blue
    burgundy = wine red = maroon
    beige | sand-coloured
    tan | light brown | camel-coloured
    cream | off-white
    turquoise = teal = blue-green
    golden = gold = gold-coloured
    silver = silver-coloured
    pink | rose pink
    purple = violet
    brown | chocolate brown
    red | bright red
    orange | tangerine
    yellow | lemon yellow
    green | leaf green
    blue | mid-blue
    olive | olive green | khaki
    mustard | mustard yellow
    black-brown | very dark brown
    brown-black | very dark brown
    multicolour = multicoloured = colourful
    light | pale
    pale | light
    dark | deep
    bright = vivid
    clear glass | see-through glass
    clear = see-through = transparent
    translucent = see-through
    wooden = wood
    metal = metallic
    steel | metal
    stainless steel | brushed steel | inox
    aluminium = aluminum
    fabric = cloth = textile
    canvas | sailcloth
    leather | real leather
    suede | brushed leather
    patent leather | shiny leather
    plastic = synthetic
    rubber | gum rubber
    velvet | velour
    wicker = basketwork = rattan
    mesh | net
    fur | furry lining
    knit | knitted
    woven | interlaced
    ceramic | earthenware
    porcelain | china
    pine | pinewood
    birch | birch wood
    bamboo | cane
    glossy = shiny = high-gloss
    matte | non-shiny
    striped = stripy = with stripes
    stripe | line
    spotted = dotted
    polka dot | dotted
    plaid = checked = tartan
    floral = flowery = flower-patterned
    patterned | printed
    print | pattern
    textured | structured
    quilted | padded
    tufted | buttoned
    small = little
    tiny | very small
    large = big
    round = circular
    curved = rounded = bent
    square | boxy
    thick = chunky
    thin = slender
    flat | level
    tall = high
    pointed | pointy
    shiny = glossy
    soft | fluffy
    old | aged
    dry | dried
    open | opened
    transparent = see-through
    outdoor = garden
    boot | bootee
    ankle boot = bootie
    knee-high boot = tall boot
    shoe | footwear
    sneaker = trainer = running shoe
    high-top | high-top trainer
    sandal | open shoe
    slip-on | laceless shoe
    loafer = moccasin
    pump = court shoe
    high heel | stiletto
    heel | heel piece
    wedge | wedge heel
    chukka = desert boot
    brogue | wingtip
    slipper | house shoe
    flip-flop = thong sandal
    lace-up | laced
    lace | shoelace
    sole | bottom
    buckle = clasp
    strap = band
    zipper = zip
    toe | toe cap
    bow | ribbon
    logo = emblem = badge
    tassel | fringe
    trim | edging
    detail | decoration
    detailing | decoration
    lining | inside
    stitching | seam
    stud | rivet
    chair | seat
    armchair = easy chair
    stool | backless seat
    sofa = couch = settee
    bench | long seat
    table | desk
    desk = writing table
    cabinet = cupboard
    wardrobe = closet
    shelf | board
    shelving unit | shelves
    bookcase = bookshelf
    chest of drawers | dresser
    drawer | drawer box
    leg | foot
    frame | framework
    back | backrest
    backrest = back
    armrest | arm
    cushion | pillow
    cover | slipcover
    base | foot
    castor | wheel
    lamp | light
    pendant lamp | hanging light
    lamp shade | lampshade
    mirror | looking glass
    rug = carpet = mat
    curtain | drape
    towel | bath cloth
    throw = blanket
    quilt cover | duvet cover
    bedding | bed linen
    bed = bedstead
    cot = crib
    box | container | case
    basket | hamper
    bowl | dish
    plate | dish
    mug = cup
    pot | saucepan
    plant pot | flowerpot
    vase | flower vase
    jar | canister
    bottle | flask
    handle | grip
    knob = pull
    hook | peg
    lid | top
    door | front
    tap = faucet
    mixer tap | faucet
    sink | washbasin
    wash-basin = sink
    oven | cooker
    hob | stove top
    extractor hood = cooker hood
    worktop = countertop
    toy | plaything
    soft toy | stuffed animal
    picture | image
    shade | screen
    holder | stand
    rack | stand
    rail | bar
    candle = taper
    clock | timepiece
    alarm clock | bedside clock
    airplane = plane = aeroplane
    airliner = passenger plane
    helicopter = chopper
    blimp = airship = zeppelin
    rocket | missile
    car = automobile
    sedan | saloon car
    pickup truck = pickup
    truck = lorry
    motorcycle = motorbike
    bicycle = bike
    wheelchair | invalid chair
    sailboat = sailing boat = yacht
    boat | vessel
    cannon | artillery gun
    tank | armoured vehicle
    pistol = handgun
    rifle | long gun
    sword | blade
    knife | blade
    axe = hatchet
    saw | handsaw
    hammer | mallet
    scissors | shears
    umbrella | parasol
    eyeglasses = glasses = spectacles
    hat | cap
    racket | bat
    violin = fiddle
    guitar | six-string
    piano | keyboard instrument
    trumpet | horn
    saxophone = sax
    harp | stringed instrument
    double bass | upright bass
    bell | chime
    teapot | tea kettle
    spoon | ladle
    hourglass | sand timer
    fan | ventilator
    ant | insect
    bee | honeybee
    beetle | bug
    butterfly | moth
    spider | arachnid
    scorpion | stinging arachnid
    crab | crustacean
    lobster | crayfish
    jellyfish | sea jelly
    starfish | sea star
    snail | slug with a shell
    snake | serpent
    lizard | reptile
    turtle | tortoise
    sea turtle | marine turtle
    crocodile | alligator
    alligator | crocodile
    frog | toad
    fish | swimming fish
    shark | great fish
    ray | stingray
    seal | sea lion
    dolphin | porpoise
    duck | mallard
    swan | white waterfowl
    owl | night bird
    parrot | macaw
    penguin | flightless bird
    seagull = gull
    songbird | small bird
    bird | feathered animal
    rooster = cockerel
    hen | chicken
    stork | wading bird
    cat | kitty
    dog | hound
    puppy | young dog
    bear | grizzly
    teddy bear | plush bear
    lion | big cat
    tiger | big cat
    zebra | striped horse
    horse | pony
    cow | cattle
    pig | hog
    sheep | lamb
    deer | stag
    ram | male sheep
    camel | dromedary
    elephant | pachyderm
    rhinoceros = rhino
    giraffe | long-necked animal
    kangaroo | wallaby
    gorilla | ape
    orangutan | ape
    chimpanzee | ape
    rabbit = bunny
    squirrel | chipmunk
    mouse | rodent
    raccoon | racoon
    hedgehog | spiny animal
    echidna | spiny anteater
    bat | flying mammal
    apple | fruit
    pear | fruit
    strawberry | berry
    pineapple | tropical fruit
    banana | fruit
    mushroom | toadstool
    bread | loaf
    loaf | bread
    hamburger = burger
    cheeseburger | burger
    hotdog | sausage roll
    pizza | flatbread pizza
    pretzel | twisted bread
    flower | blossom
    tree | trunk and leaves
    leaf | foliage
    leaves | foliage
    grass = lawn
    bush | shrub
    forest = woods
    rock | boulder
    log | tree trunk
    sky = heavens
    sea | ocean
    water | pool
    sand | beach
    snow | ice
    ground | floor
    dirt | soil
    road = street
    fence | railing
    wall | side of a house
    roof | rooftop
    house | home
    church | chapel
    castle | fortress
    cabin | hut
    skyscraper | high-rise
    tower | spire
    windmill | mill
    wind turbine | wind wheel
    volcano | erupting mountain
    geyser | hot spring
    window | pane
    background = backdrop
    man | guy
    woman | lady
    face | head
    tail | rear
    wing | pinion
    shell | carapace
    beak | bill
    silhouette | outline
    close-up = closeup
    hot air balloon | balloon
    balloon | hot air balloon
    jack-o-lantern | carved pumpkin
    armor | suit of armour
    breastplate | chest armour
    set | group
    pair = two
    two | 2
    three | 3
    four | 4
    children's = kids'
    """.strip().splitlines()
)

# Words without which a caption says the same.
FUNCTION_WORDS = _words(
    "a an the its is are was with of in on at by for to and or from into some this that there it against under "
    "over behind beside near between showing shown seen has have holding standing sitting lying made which while "
    "up"
)
# Sentences that a search is wrapped into; the braces stand for the words.
FRAMES = (
    "a picture of {}",
    "i'm looking for {}",
    "do you have {}?",
    "the one with {}",
    "photo showing {}",
    "something like {}",
    "please find {}",
    "it was {}, i think",
)
KEYBOARD_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
