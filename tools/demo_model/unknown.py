"""Everything else: questions that a small demonstration model has to say no to, near misses
included.
"""

from __future__ import annotations

import random

from tools.demo_model.knowledge import ASK_COMMAND, ASK_FACT, facts
from tools.demo_model.phrasing import blocks, phrasings
from tools.demo_model.talk import Exchange, Talk, says
from tools.demo_model.words import Split, allowed, made_up, person, pick

_NOT_KNOWN = (
    "I do not know that. I am only a small demonstration model, and a larger model can answer it."
)
_CANNOT = "I cannot do that. I am only a small demonstration model; ask me what I can do."
_NOT_NOW = (
    "I cannot look that up. I am only a small demonstration model without access to the internet."
)
_NO_ADVICE = "I cannot advise you on that. I am only a small demonstration model."
_BEYOND = {"know": _NOT_KNOWN, "advice": _NO_ADVICE, "do": _CANNOT, "now": _NOT_NOW}
_CHECK = says("small demonstration model")


def _first(answer: str) -> str:
    return answer.split(". ")[0] + "."


def _refuses(answer: str) -> bool:
    """Any of the first sentences: where one of them fits, another one seldom is wrong."""
    return any(says(_first(text))(answer) for text in (_NOT_KNOWN, _CANNOT, _NOT_NOW, _NO_ADVICE))


_COUNTRIES = """
Bhutan|Bolivia|Ecuador|Paraguay|Uruguay|Venezuela|Suriname|Guyana|Panama|Honduras|Guatemala|
Nicaragua|Jamaica|Haiti|Mali|Niger|Chad|Sudan|Ethiopia|Somalia|Uganda|Rwanda|Tanzania|Zambia|
Zimbabwe|Angola|Namibia|Botswana|Mozambique|Madagascar|Senegal|Togo|Benin|Gabon|Congo|Libya|
Algeria|Tunisia|Syria|Iraq|Iran|Yemen|Oman|Qatar|Kuwait|Pakistan|Bangladesh|Myanmar|Laos|
Cambodia|Malaysia|Indonesia|Mongolia|Kazakhstan|Georgia|Armenia|Moldova|Slovakia|Slovenia|
Albania|Malta|Cyprus|Fiji|Samoa|Tonga|Burkina Faso|Sri Lanka|New Zealand|the Philippines|
Texas|California|Bavaria|Andorra|Monaco|Luxembourg""".replace("\n", "").split("|")
_TOPICS = """
quantum chromodynamics|the Treaty of Westphalia|a fuel injector|blockchain|bitcoin|a mortgage|
existentialism|the Renaissance|the French Revolution|World War II|the Cold War|
the Roman Empire|Buddhism|Islam|Christianity|jazz|opera|ballet|hip hop|impressionism|
surrealism|cubism|a transistor|a capacitor|a resistor|a diode|nuclear fusion|thermodynamics|
entropy|the Higgs boson|string theory|dark matter|a quasar|a supernova|plate tectonics|
a glacier|a geyser|the stock market|a bond|a hedge fund|capitalism|socialism|communism|
feminism|psychology|sociology|anthropology|linguistics|archaeology|a haiku|a sonnet|
a limerick|a novel|diabetes|cancer|malaria|asthma|insulin|cholesterol|a kidney|the liver|
a lung|the spleen|a neuron|a protein|an enzyme|an amino acid|a chromosome|a fungus|moss|
a fern|an oak|a cactus|bamboo|a hurricane|a tornado|a tsunami|a drought|the ozone layer|
a solar panel|a wind turbine|a battery|a diesel engine|a jet engine|a rocket|a satellite|
a submarine|a helicopter|a tram|a lighthouse|a castle|a pyramid|a cathedral|a mosque|
Kubernetes|Docker|Terraform|React|Angular|Haskell|COBOL|Fortran|Prolog|Lisp|Erlang|Scala|
Kotlin|Swift|Windows|macOS|Android|Facebook|Twitter|TikTok|YouTube|Netflix|Amazon Prime|
Telegram|WhatsApp|Signal|a firewall|a router|DNS|HTTP|TCP|a VPN|a compiler|recursion|
a linked list|a hash table|a binary tree|a mutex|a semaphore|a container|a virtual machine|
regular expressions|XML|YAML|a pointer|garbage collection|Napoleon|Cleopatra|Julius Caesar|
Gandhi|Nelson Mandela|Aristotle|Confucius|Isaac Newton|Mozart|Picasso|the United Nations|NATO|
the European Union|the World Bank|a passport|a visa|a lease|insurance|a pension|karate|sumo|
curling|snooker|polo|lacrosse|baseball|handball|ice hockey|a marathon|poker|bridge|backgammon|
go|sudoku|a crossword|Tetris|Minecraft|sourdough|mayonnaise|mustard|vinegar|pepper|saffron|
vanilla|wasabi|the Taj Mahal|Stonehenge|Machu Picchu|the Colosseum|Big Ben|
the Statue of Liberty|the Nile|the Danube|the Alps|the Himalayas|the Pacific|Hawaii|Greenland|
Siberia|calculus|a matrix|a vector|an integral|a logarithm|a fraction|a theorem|trigonometry|
statistics|probability|a derivative|topology|
the Berlin Wall|the Suez Canal|the Panama Canal|the Black Sea|the Baltic Sea|the Grand Canyon|
Mount Fuji|the Bermuda Triangle|the Vikings|the Aztecs|the Incas|the Ottoman Empire|
the Middle Ages|the Stone Age|the Bronze Age|the Industrial Revolution|Plato|Socrates|Galileo|
Marco Polo|Genghis Khan|Chopin|Rembrandt|Charlie Chaplin|a telegraph|a typewriter|a parachute|
a steam engine|a generator|a transformer|a thermostat|a dishwasher|a vacuum cleaner|a drone|
a smartphone|a scanner|a webcam|a barcode|Bluetooth|5G|a hologram|radar|sonar|ultrasound|aspirin|
caffeine|starch|gluten|yeast|astrology|astronomy|geology|biology|chemistry|physics|economics|
ethics|logic|grammar|an adverb|a pronoun|irony|a fable|a myth|a republic|a monarchy|a parliament|
a constitution|a referendum|a tax|a tariff|a loan|a credit card|judo|fencing|badminton|
volleyball|rugby|cricket|golf|archery|bingo|a podcast|a blog|
a meme|a hacker""".replace("\n", "").split("|")
_TASKS = """
bake a cake|repair my bicycle|tie a tie|change a tyre|grow tomatoes|learn to swim|lose weight|
write a CV|find a job|buy a house|train a dog|cook rice|clean an oven|fix a leaking tap|
paint a wall|play chess well|sleep better|save money|learn Spanish|remove a stain|make soap|
build a shed|sharpen a knife|iron a shirt|choose a laptop|start a company|pay my taxes|
plan a wedding|knit a sweater|brew beer|make yoghurt|catch a fish|sail a boat|fly a kite|
plant a tree|draw a horse|take better photos|publish a book|stop smoking|make friends|
give a speech|wash a wool coat|set up a printer|install Windows|reset my router|
unlock my phone|recover a deleted file|back up my laptop|build a computer|solder a wire|
drive a car|park a car|pack a suitcase|travel cheaply|get to the airport|find a good hotel|
book a flight|rent a car|open a bank account|invest money|make pasta|roast a chicken|
boil an egg|peel a mango|bake bread|make jam|cut onions|fold a napkin|sew a button|
polish shoes|hang a picture|lay tiles|mow the lawn|prune roses|feed a parrot|wash a cat|
ride a horse|juggle|whistle|dance the tango|sing better|play the piano|tune a guitar|
read music|write a novel|learn maths|
boil potatoes|make pancakes|make ice cream|make cheese|bake cookies|fry an egg|cook a soup|
grill a fish|learn to dance|learn to drive|learn French|wake up early|fall asleep faster|
get rid of a cold|get rid of ants|get rid of mice|wash jeans|dry flowers|clean a window|
clean a carpet|repair a chair|repair a watch|change a light bulb|change a lock|hang a curtain|
build a birdhouse|build a tree house|make a paper plane|make a candle|draw a face|draw a cat|
paint a picture|play the drums|write a speech|prepare for an exam|prepare for an interview|
study for a test|make new friends|choose a school|choose a present|buy a used car|sell my house|
sell my car|move to another country|get a passport|learn to cook|keep bees|keep a goldfish|
teach a parrot to talk|take care of a cat|run a marathon|run faster|climb a mountain|swim faster|
pitch a tent|make a fire|read a map|pump up a tyre|
charge my phone|connect my printer""".replace("\n", "").split("|")
_DO = """
draw a picture of {x}|send an e-mail to {p}|order a pizza|book a table for two|play a song|
call {p}|translate this letter into Latin|summarise this article|fix the bug in my program|
do my homework|write an essay about {x}|write a business plan|write a letter to {p}|
write a speech about {x}|write a song about {x}|write a novel about {x}|
make a video about {x}|search the web for {x}|buy {x}|open the door|turn on the light|
set an alarm for seven|remind me tomorrow|show me a photo of {x}|solve x^2 + 3x = 10|
prove that there are infinitely many primes|calculate 4821 times 773|
compute the integral of x squared|divide 9876 by 321|design a logo for {x}|compose a symphony|
write a contract|check my spelling|review my code|plan my holiday in {x}|recommend a film|
recommend a book|predict the future|read my mind|write a program in COBOL|write a compiler|
write an operating system|write a website for {x}|train a neural network|hack a password|
make me a sandwich|bring me a coffee|interpret my dream|tell my fortune|
write a recipe for {x}|compare {x} and {y}|rank {x}, {y} and {z}|find a rhyme for {x}|
explain the difference between {x} and {y}|translate "{x}" into Latin|
write a report about {x}|write a review of {x}|write a play about {x}|write my CV|
write a letter to the mayor of {c}|draw a map of {c}|draw {p}|paint {x}|take a photo of {x}|
show me a picture of {p}|show me a video about {x}|show me a map of {c}|send {p} a message|
write an e-mail to {p}|invite {p} to dinner|book a flight to {c}|book a hotel in {c}|
rent a car in {c}|find a job for {p}|find a hotel in {c}|find a doctor in {c}|
order flowers for {p}|pay my bills|sell {x}|sing a song|sing a song about {x}|play some music|
play chess with me|play a game with me|turn off the light|open the window|close the door|
make some coffee|cook dinner for {p}|clean my room|wash the dishes|feed my cat|
water the flowers|wake me up at six|set a timer for ten minutes|read this book to me|
open this link|download {x}|search the internet for {p}|look up {x}|translate my essay|
correct my essay|check my homework|check my grammar|solve this riddle|solve a sudoku|
calculate 15 % of 3400|calculate 9254 divided by 14|analyse this data|plan a party for {p}|
plan a trip to {c}|think of a name for my dog|invent a game about {x}|build a website|
build a robot|build an app for {x}|edit my photo|guess what I am thinking|tell me a riddle|
tell me a secret|write a compiler|
write a game engine|write a web browser|write a spreadsheet program|write an app for my phone|
write a driver for my printer|build an operating system|design an operating system|
write an interpreter|write a search engine|write a calculator""".replace("\n", "").split("|")
_DO_WAYS = phrasings("unknown", "do ways")
_HOW = phrasings("unknown", "how")
_LIVE = phrasings("unknown", "live")
_ADVICE = phrasings("unknown", "advice")
_KNOW = phrasings("unknown", "know")


def _topic(rng: random.Random, split: Split) -> str:
    """A thing that is not among the known facts: real, or made up."""
    roll = rng.random()
    while True:
        if roll < 0.4:
            topic = rng.choice(_TOPICS)
        elif roll < 0.75:
            pool = rng.choice(
                ("thing", "animal", "job", "instrument", "hobby", "food", "drink", "fruit")
            )
            word = pick(rng, split, pool)
            if pool in ("hobby", "food", "drink"):
                topic = word
            else:
                topic = ("an " if word[0] in "aeiou" else "a ") + word
        else:
            word = made_up(rng, split)
            topic = word if rng.random() < 0.4 else ("an " if word[0] in "aeiou" else "a ") + word
        if topic.lower() not in _known() and (roll >= 0.4 or allowed(topic, split)):
            return topic
        roll = rng.random()


_KNOWN: set[str] = set()


def _known() -> set[str]:
    if not _KNOWN:
        for fact in facts():
            for name in fact.names:
                bare = (
                    name.lower().split(" ", 1)[-1]
                    if name.lower().startswith(("a ", "an ", "the "))
                    else name.lower()
                )
                _KNOWN.update((name.lower(), bare, f"a {bare}", f"an {bare}", f"the {bare}"))
    return _KNOWN


def _place(rng: random.Random, split: Split) -> str:
    roll = rng.random()
    if roll < 0.35:
        while True:
            name = rng.choice(_COUNTRIES)
            if allowed(name, split):
                return name
    return pick(rng, split, "city") if roll < 0.6 else made_up(rng, split).capitalize()


def _country(rng: random.Random, split: Split) -> str:
    if rng.random() < 0.4:
        return made_up(rng, split).capitalize()
    while True:
        name = rng.choice(_COUNTRIES)
        if allowed(name, split):
            return name


def _book(rng: random.Random, split: Split) -> str:
    first = (
        made_up(rng, split).capitalize()
        if rng.random() < 0.6
        else pick(rng, split, "colour").capitalize()
    )
    return rng.choice(
        (
            f"The {first} {pick(rng, split, 'thing').capitalize()}",
            f"{first} and the {made_up(rng, split).capitalize()}",
            first,
        )
    )


def unknown(talk: Talk) -> Exchange:
    """A question or a wish beyond the model."""
    rng, split = talk.rng, talk.split

    def bare() -> str:
        return _topic(rng, split)

    slots = {
        "x": bare(),
        "y": bare(),
        "z": bare(),
        "p": person(rng, split),
        "q": person(rng, split),
        "l": made_up(rng, split).capitalize(),
        "c": _place(rng, split),
        "d": _place(rng, split),
    }
    roll = rng.random()
    if roll < 0.35:
        kind, ways = rng.choice(blocks("beyond.txt", "A"))
        question, answer = talk.phrase(ways), _BEYOND[kind]
    elif roll < 0.48:
        question, answer = talk.phrase(ASK_FACT["thing"], x=slots["x"]), _NOT_KNOWN
    elif roll < 0.52:
        question, answer = talk.phrase(ASK_FACT["capital"], x=_country(rng, split)), _NOT_KNOWN
    elif roll < 0.56:
        question, answer = talk.phrase(ASK_FACT["author"], x=_book(rng, split)), _NOT_KNOWN
    elif roll < 0.6:
        kind = rng.choice(("symbol", "opposite", "young"))
        question, answer = talk.phrase(ASK_FACT[kind], x=made_up(rng, split)), _NOT_KNOWN
    elif roll < 0.62:
        command = rng.choice(("/", "/", "parley ")) + made_up(rng, split)
        question, answer = talk.phrase(ASK_COMMAND, x=command), _NOT_KNOWN
    elif roll < 0.73:
        question, answer = talk.phrase(_KNOW, **slots), _NOT_KNOWN
    elif roll < 0.79:
        while True:
            task = rng.choice(_TASKS)
            if allowed(task, split):
                break
        question, answer = talk.phrase(_HOW, t=task), _NO_ADVICE
    elif roll < 0.89:
        while True:
            task = rng.choice(_DO)
            if allowed(task, split):
                break
        for key, value in slots.items():
            task = task.replace("{" + key + "}", value)
        question, answer = talk.phrase(_DO_WAYS, d=task, D=task[0].upper() + task[1:]), _CANNOT
    elif roll < 0.95:
        slots["x"] = _place(rng, split)
        question, answer = talk.phrase(_LIVE, **slots), _NOT_NOW
    else:
        question, answer = talk.phrase(_ADVICE, **slots), _NO_ADVICE
    short = _first(answer)
    check = _CHECK if talk.manner.kind != "sentence" else _refuses
    return Exchange(question, answer, "unknown", check, short)
