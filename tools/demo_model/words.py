"""Words to talk about, real and made up, and which of them training never sees.

Recall, spelling and repeating have to work for words that the model has never met, so the corpus makes
most of its names from syllables, and one word in eight (by checksum, hence for ever) belongs to the
evaluation alone.
"""

from __future__ import annotations

import random
import zlib
from typing import Literal

Split = Literal["train", "eval"]

_NAMES = """Ada Adam Agnes Aiko Alan Alba Alice Amal Amina Amir Ana Andre Anita Anna Anton Arthur Asha
Astrid Ava Aylin Beatriz Ben Bianca Boris Bruno Carla Carlos Carmen Cecil Chen Chloe Clara Colin Cora
Daan Dana Daniel Daria David Diego Dina Dora Edgar Elena Eli Elif Ella Elsa Emil Emma Enzo Erik Esther
Eva Fatima Felix Fiona Flora Frank Freya Gita Grace Greta Gustav Hana Hans Hassan Hedy Heidi Henry Hugo
Ida Ines Ingrid Iris Ivan Jack Jakob Jana Jean Jin Joao John Jonas Jose Julia Kai Karim Kate Kemal Kenji
Kira Klara Lara Lars Laura Layla Lea Leo Liam Lila Lina Linus Lisa Louis Lucia Luis Luna Maja Malik
Marco Maria Marie Mark Marta Mary Max Maya Mei Mia Mila Milan Mina Mira Mona Nadia Naomi Nico Nina Noah
Nora Olga Oliver Omar Oscar Otto Pablo Paul Pavel Pedro Petra Philip Pia Priya Quentin Rahul Raj Ralph
Rania Rita Robert Rosa Ruben Ruth Sami Samuel Sara Sasha Selma Simon Sofia Stefan Sven Tara Tariq Theo
Thomas Tilda Timo Tina Tom Uma Ursula Vera Victor Viola Walter Wanda Wei Wilma Xenia Yara Yuki Yusuf
Zara Zeno Zoe Robin Alex Sam Chris Jordan Taylor Morgan Casey Jamie Nia Kofi Ama Lin Hiro Anouk"""

_CITIES = """Accra Amsterdam Ankara Antwerp Athens Baku Bangkok Barcelona Basel Beirut Belfast Bergen
Berlin Bern Bilbao Bogota Bologna Bordeaux Boston Brussels Bucharest Budapest Cairo Calgary Cape Town
Cardiff Casablanca Chicago Cologne Copenhagen Cork Dakar Dallas Damascus Delhi Denver Dresden Dublin
Edinburgh Florence Frankfurt Geneva Genoa Ghent Glasgow Graz Hamburg Hanoi Havana Helsinki Houston
Istanbul Jakarta Karachi Kiel Krakow Kyoto Lagos Leeds Leipzig Lima Lisbon Liverpool London Lucerne
Lyon Madrid Malaga Manila Marseille Melbourne Miami Milan Montreal Mumbai Munich Nairobi Nantes Naples
Nice Odense Osaka Oslo Ottawa Oxford Paris Perth Porto Prague Quito Reykjavik Riga Rome Rotterdam
Salzburg Santiago Seoul Seville Shanghai Sofia Stockholm Sydney Tallinn Tokyo Toronto Trieste Tunis
Turin Utrecht Valencia Venice Verona Vienna Vilnius Warsaw York Zagreb Zurich"""

POOLS: dict[str, tuple[str, ...]] = {
    "colour": tuple(
        "red blue green yellow orange purple pink brown black white grey turquoise teal violet indigo "
        "crimson scarlet beige gold silver navy olive maroon magenta cyan lavender coral amber ivory "
        "mint khaki lilac rose sky-blue lemon ochre burgundy copper peach plum".split()
    ),
    "food": tuple(
        "pizza|pasta|rice|soup|curry|sushi|salad|bread|cheese|pancakes|waffles|noodles|dumplings|tacos|"
        "burgers|lasagne|risotto|goulash|falafel|hummus|omelettes|porridge|couscous|paella|ramen|"
        "apple pie|chocolate|ice cream|fried eggs|baked potatoes|lentil stew|mushrooms|spinach|toast|"
        "mashed potatoes|fish and chips|onion rings|tomato soup|carrot cake|gnocchi|tofu|kimchi".split("|")
    ),
    "animal": tuple(
        "dog cat horse cow sheep goat pig hen duck goose rabbit mouse rat hamster fox wolf bear lion tiger "
        "leopard cheetah elephant giraffe zebra hippo rhino monkey gorilla camel llama deer elk moose "
        "hedgehog badger otter beaver squirrel bat owl eagle falcon hawk crow raven robin sparrow swallow "
        "swan pigeon parrot penguin ostrich flamingo stork heron pelican seal walrus whale dolphin shark "
        "salmon trout tuna eel octopus squid crab lobster shrimp snail worm ant bee wasp butterfly moth "
        "beetle spider scorpion frog toad newt lizard snake turtle crocodile kangaroo koala wombat panda "
        "sloth armadillo anteater meerkat hyena jackal lynx puma jaguar bison buffalo yak donkey mule pony "
        "reindeer ferret weasel mole gecko iguana chameleon peacock turkey quail magpie woodpecker "
        "kingfisher albatross seagull jellyfish starfish urchin oyster clam dragonfly ladybird".split()
    ),
    "fruit": tuple(
        "apple pear banana orange lemon lime grape cherry plum peach apricot mango papaya pineapple melon "
        "watermelon strawberry raspberry blueberry blackberry kiwi fig date coconut pomegranate quince "
        "grapefruit tangerine currant gooseberry cranberry guava lychee nectarine olive persimmon "
        "mulberry passionfruit starfruit elderberry".split()
    ),
    "job": tuple(
        "baker|teacher|nurse|doctor|pilot|farmer|painter|plumber|carpenter|gardener|lawyer|dentist|chef|"
        "waiter|driver|librarian|engineer|programmer|architect|journalist|photographer|musician|tailor|"
        "mechanic|electrician|fisherman|postman|sailor|judge|scientist|translator|vet|optician|cook|"
        "firefighter|hairdresser|accountant|bricklayer|beekeeper|shepherd|potter|clockmaker".split("|")
    ),
    "hobby": tuple(
        "chess|tennis|swimming|cycling|hiking|painting|knitting|reading|gardening|fishing|dancing|singing|"
        "cooking|baking|running|climbing|sailing|skiing|football|basketball|volleyball|photography|"
        "pottery|yoga|juggling|drawing|archery|rowing|surfing|badminton|birdwatching|origami|"
        "table tennis|stargazing|woodwork|sewing|rugby|cricket|golf|judo".split("|")
    ),
    "drink": tuple(
        "tea|coffee|milk|water|lemonade|apple juice|orange juice|cocoa|green tea|mint tea|cider|iced tea|"
        "tomato juice|ginger ale|espresso|a milkshake|buttermilk|hot chocolate|mango juice".split("|")
    ),
    "season": ("spring", "summer", "autumn", "winter"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "month": tuple(
        "January February March April May June July August September October November December".split()
    ),
    "language": tuple(
        "English French German Spanish Italian Portuguese Dutch Swedish Danish Norwegian Finnish Polish "
        "Czech Hungarian Greek Turkish Arabic Hebrew Persian Hindi Bengali Tamil Chinese Japanese Korean "
        "Thai Vietnamese Russian Ukrainian Romanian Swahili Welsh Irish Catalan Icelandic".split()
    ),
    "instrument": tuple(
        "piano guitar violin cello flute clarinet trumpet trombone harp drums organ accordion banjo oboe "
        "saxophone ukulele bassoon viola mandolin harmonica tuba".split()
    ),
    "thing": tuple(
        "lamp chair table spoon fork knife cup plate bottle basket box bag book pen pencil paper clock watch "
        "mirror window door key lock rope ladder hammer nail saw brush broom bucket candle match blanket "
        "pillow carpet curtain shelf drawer cupboard stove oven kettle pot pan bowl jar glass tray towel "
        "soap comb button needle thread coat hat glove scarf shoe boot sock belt ring coin purse wallet "
        "umbrella suitcase ticket map compass lantern tent boat oar anchor sail wheel bicycle cart bell "
        "drum whistle kite ball doll puzzle dice card magnet battery cable radio camera phone screen "
        "keyboard printer desk bench fence gate bridge tower wall brick tile roof chimney pipe tap hose "
        "shovel rake seed flower stone shell feather leaf branch stick ribbon envelope stamp".split()
    ),
    "city": tuple(_CITIES.replace("Cape Town ", "").split()),
    "country": tuple(
        "France Germany Spain Italy Portugal Ireland Iceland Norway Sweden Denmark Finland Poland Austria "
        "Switzerland Belgium Greece Turkey Egypt Kenya Nigeria Ghana Morocco India China Japan Korea "
        "Thailand Vietnam Indonesia Australia Canada Mexico Brazil Argentina Chile Peru Colombia Cuba "
        "Hungary Romania Bulgaria Croatia Serbia Estonia Latvia Lithuania Ukraine Nepal Jordan "
        "Tunisia".split()
    ),
}
REAL_NAMES: tuple[str, ...] = tuple(_NAMES.split())

_ONSETS = "b c d f g h j k l m n p r s t v w z br cr dr fr gr pr tr bl cl fl gl pl sl st sh ch th".split()
_VOWELS = "a a e e i i o o u ai ea io oo ei ia y".split()
_CODAS = " n l r s t m k d x ck nd st rn lt ng ss th".split(" ")


def held_out(word: str) -> bool:
    """Whether a word belongs to the evaluation: one in eight does, whatever its case."""
    return zlib.crc32(word.lower().encode()) % 8 == 0


def allowed(word: str, split: Split) -> bool:
    return held_out(word) == (split == "eval")


def made_up(rng: random.Random, split: Split, syllables: tuple[int, int] = (2, 3)) -> str:
    """A pronounceable word in lower case that belongs to the split."""
    while True:
        count = rng.randint(*syllables)
        parts = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(count)]
        if rng.random() < 0.15:
            parts[0] = parts[0].lstrip("bcdfghjklmnprstvwz") or parts[0]
        word = "".join(parts) + rng.choice(_CODAS)
        if len(word) > 2 and allowed(word, split):
            return word


def pick(rng: random.Random, split: Split, pool: str) -> str:
    """A word of a named pool that belongs to the split."""
    words = POOLS[pool]
    for _ in range(200):
        word = rng.choice(words)
        if allowed(word, split):
            return word
    return words[0]  # pools of a few words (seasons) may hold nothing that was kept back


def person(rng: random.Random, split: Split) -> str:
    """A first name: real or made up, of the split."""
    if rng.random() < 0.35:
        for _ in range(50):
            name = rng.choice(REAL_NAMES)
            if allowed(name, split):
                return name
    return made_up(rng, split).capitalize()


def place(rng: random.Random, split: Split) -> str:
    if rng.random() < 0.5:
        return pick(rng, split, "city")
    return made_up(rng, split).capitalize()


def number(rng: random.Random, split: Split, digits: tuple[int, int] = (1, 4)) -> str:
    while True:
        count = rng.randint(*digits)
        text = str(rng.randint(0 if count == 1 else 10 ** (count - 1), 10**count - 1))
        if allowed(text, split) or count == 1:
            return text
