"""The words of a prompt, by language: how a task asks for its answer, and other ways to ask for the same.

That words, places and marks alone move a score is shown by Sclar et al. 2023, Quantifying Language Models'
Sensitivity to Spurious Features in Prompt Design.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a prompt in one language: how an answer is asked for, and in which form.

    ``mark`` is how an option is listed, ``opening`` stands before all else. ``turned``: what is asked for stands on the
    other side of what it is asked about. ``scaled`` asks for a number, ``several`` for all labels,
    ``applies`` whether one of them applies, with ``verdict`` as the two answers.
    """

    answer: str = "Answer with the letter."
    options: str = "Answer with one of: {}."
    listed: str = "Give the exact phrases as a JSON list of strings."
    paired: str = "Give a JSON list of pairs of exact phrases."
    labelled: str = 'Give a JSON list of objects {{"text": the exact phrase, "label": one of {}}}.'
    mark: str = "{}. {}"
    opening: str = ""
    turned: bool = False
    scaled: str = "How alike are the two in meaning? Answer with a number from {} (nothing in common) to {} (the same)."
    several: str = "Give all labels that apply as a JSON list of strings, [] where none does. The labels are: {}."
    applies: str = "Answer with yes or no: does this label apply? {}"
    verdict: tuple[str, str] = ("yes", "no")


WORDINGS = {
    "en": (
        Words(),
        Words(
            "Reply with the letter of the right option.",
            "Choose one of these answers: {}.",
            "List the exact phrases as a JSON array of strings.",
            "List the pairs of exact phrases as a JSON array.",
            'List objects {{"text": the exact phrase, "label": one of {}}} as a JSON array.',
            "{}) {}",
            scaled="Give one number for how alike the two are in meaning: {} is nothing in common, {} is the same.",
            several="Choose every label that applies from these: {}. List them as a JSON array, [] for none.",
            applies="Say yes or no. Is this a label that applies: {}?",
        ),
        Words(
            "Which letter is right? Give the letter only.",
            "Your answer must be one of: {}.",
            "Write a JSON list that holds the exact phrases as strings.",
            "Write a JSON list that holds pairs of exact phrases.",
            'Write a JSON list that holds objects {{"text": the exact phrase, "label": one of {}}}.',
            turned=True,
            scaled="Your answer must be a number: how alike are the two in meaning, from {} (unlike) to {} (the same)?",
            several="Write a JSON list that holds each of these labels that applies, [] where none does: {}.",
            applies="Your answer must be yes or no: does this label apply: {}?",
        ),
        Words(
            "The answer is a letter.",
            "The answer is one of: {}.",
            "The answer is a JSON list of strings, the exact phrases.",
            "The answer is a JSON list of pairs of exact phrases.",
            'The answer is a JSON list of objects {{"text": the exact phrase, "label": one of {}}}.',
            "({}) {}",
            "Read what follows and do what is asked.",
            scaled="The answer is a number for how alike the two are in meaning, from {} (unlike) to {} (the same).",
            several="The answer is a JSON list of strings, the labels that apply of these ([] for none): {}.",
            applies="The answer is yes where this label applies, and no where it does not: {}",
        ),
    ),
    "es": (
        Words(
            "Responda con la letra.",
            "Responda con una de estas opciones: {}.",
            "Dé las frases exactas como una lista JSON de cadenas.",
            "Dé una lista JSON de pares de frases exactas.",
            'Dé una lista JSON de objetos {{"text": la frase exacta, "label": una de {}}}.',
            scaled="¿Cuánto se parecen los dos en significado? Responda con un número de {} (nada) a {} (lo mismo).",
            several="Dé todas las etiquetas que correspondan como lista JSON de cadenas, [] si ninguna. Son estas: {}.",
            applies="Responda sí o no: ¿corresponde esta etiqueta? {}",
            verdict=("sí", "no"),
        ),
        Words(
            "Indique la letra de la opción correcta.",
            "Elija una de estas respuestas: {}.",
            "Enumere las frases exactas en una lista JSON de cadenas.",
            "Enumere los pares de frases exactas en una lista JSON.",
            'Enumere objetos {{"text": la frase exacta, "label": una de {}}} en una lista JSON.',
            "{}) {}",
            scaled="Dé un número según cuánto se parecen los dos en significado: {} es nada en común, {} es lo mismo.",
            several="Elija entre estas etiquetas las que correspondan: {}. Enumérelas en lista JSON, [] si ninguna.",
            applies="Diga sí o no. ¿Es esta una etiqueta que corresponde: {}?",
            verdict=("sí", "no"),
        ),
        Words(
            "¿Qué letra es la correcta? Escriba solo la letra.",
            "Su respuesta debe ser una de: {}.",
            "Escriba una lista JSON que contenga las frases exactas como cadenas.",
            "Escriba una lista JSON que contenga pares de frases exactas.",
            'Escriba una lista JSON que contenga objetos {{"text": la frase exacta, "label": una de {}}}.',
            turned=True,
            scaled="Su respuesta debe ser un número: ¿cuánto se parecen los dos, de {} (nada) a {} (lo mismo)?",
            several="Escriba una lista JSON con cada una de estas etiquetas que corresponda, [] si ninguna: {}.",
            applies="Su respuesta debe ser sí o no: ¿corresponde esta etiqueta: {}?",
            verdict=("sí", "no"),
        ),
        Words(
            "La respuesta es una letra.",
            "La respuesta es una de: {}.",
            "La respuesta es una lista JSON de cadenas, las frases exactas.",
            "La respuesta es una lista JSON de pares de frases exactas.",
            'La respuesta es una lista JSON de objetos {{"text": la frase exacta, "label": una de {}}}.',
            "({}) {}",
            "Lea lo siguiente y haga lo que se pide.",
            scaled="La respuesta es un número que dice cuánto se parecen los dos, de {} (nada) a {} (lo mismo).",
            several="La respuesta es una lista JSON de cadenas, las etiquetas que correspondan ([] si ninguna): {}.",
            applies="La respuesta es sí si esta etiqueta corresponde, y no si no corresponde: {}",
            verdict=("sí", "no"),
        ),
    ),
    "fr": (
        Words(
            "Répondez par la lettre.",
            "Répondez par l'une de ces options : {}.",
            "Donnez les expressions exactes sous forme de liste JSON de chaînes.",
            "Donnez une liste JSON de paires d'expressions exactes.",
            'Donnez une liste JSON d\'objets {{"text": l\'expression exacte, "label": un de {}}}.',
            scaled="Les deux se ressemblent-ils par le sens ? Répondez par un nombre de {} (en rien) à {} (le même).",
            several="Donnez les étiquettes qui conviennent en liste JSON de chaînes, [] si aucune. Ce sont : {}.",
            applies="Répondez par oui ou non : cette étiquette convient-elle ? {}",
            verdict=("oui", "non"),
        ),
        Words(
            "Indiquez la lettre de la bonne option.",
            "Choisissez l'une de ces réponses : {}.",
            "Énumérez les expressions exactes dans une liste JSON de chaînes.",
            "Énumérez les paires d'expressions exactes dans une liste JSON.",
            'Énumérez des objets {{"text": l\'expression exacte, "label": un de {}}} dans une liste JSON.',
            "{}) {}",
            scaled="Donnez un nombre selon la ressemblance de sens : {} est rien en commun, {} est le même sens.",
            several="Choisissez chaque étiquette qui convient parmi : {}. Énumérez-les en liste JSON, [] si aucune.",
            applies="Dites oui ou non. Est-ce une étiquette qui convient : {} ?",
            verdict=("oui", "non"),
        ),
        Words(
            "Quelle lettre est la bonne ? Écrivez seulement la lettre.",
            "Votre réponse doit être l'une de : {}.",
            "Écrivez une liste JSON qui contient les expressions exactes comme chaînes.",
            "Écrivez une liste JSON qui contient des paires d'expressions exactes.",
            'Écrivez une liste JSON qui contient des objets {{"text": l\'expression exacte, "label": un de {}}}.',
            turned=True,
            scaled="Votre réponse doit être un nombre : se ressemblent-ils, de {} (en rien) à {} (même sens) ?",
            several="Écrivez une liste JSON avec chacune de ces étiquettes qui convient, [] si aucune : {}.",
            applies="Votre réponse doit être oui ou non : cette étiquette convient-elle : {} ?",
            verdict=("oui", "non"),
        ),
        Words(
            "La réponse est une lettre.",
            "La réponse est l'une de : {}.",
            "La réponse est une liste JSON de chaînes, les expressions exactes.",
            "La réponse est une liste JSON de paires d'expressions exactes.",
            'La réponse est une liste JSON d\'objets {{"text": l\'expression exacte, "label": un de {}}}.',
            "({}) {}",
            "Lisez ce qui suit et faites ce qui est demandé.",
            scaled="La réponse est un nombre qui dit si les deux se ressemblent, de {} (en rien) à {} (même sens).",
            several="La réponse est une liste JSON de chaînes, les étiquettes qui conviennent ([] si aucune) : {}.",
            applies="La réponse est oui si cette étiquette convient, et non sinon : {}",
            verdict=("oui", "non"),
        ),
    ),
    "zh": (
        Words(
            "请只回答选项字母。",
            "请回答以下之一：{}。",
            "请以 JSON 字符串列表给出原文短语。",
            "请以 JSON 列表给出原文短语对。",
            '请给出 JSON 对象列表 {{"text": 原文短语, "label": 其中之一 {}}}。',
            scaled="两段文字的意思有多相近？请用一个数字回答，从 {}（毫无共同之处）到 {}（意思相同）。",
            several="请以 JSON 字符串列表给出所有适用的标签，没有则给出 []。标签有：{}。",
            applies="请回答是或否：这个标签适用吗？{}",
            verdict=("是", "否"),
        ),
        Words(
            "请写出正确选项的字母。",
            "请从下列答案中选择一个：{}。",
            "请用 JSON 字符串数组列出原文短语。",
            "请用 JSON 数组列出原文短语对。",
            '请用 JSON 数组列出对象 {{"text": 原文短语, "label": 其中之一 {}}}。',
            "{}) {}",
            scaled="请给出一个数字，表示两段文字意思的相近程度：{} 为毫无共同之处，{} 为意思相同。",
            several="请从这些标签中选出所有适用的：{}。用 JSON 数组列出，没有则为 []。",
            applies="请说是或否。这是适用的标签吗：{}？",
            verdict=("是", "否"),
        ),
        Words(
            "哪个字母是正确的？只写字母。",
            "您的答案必须是以下之一：{}。",
            "请写一个包含原文短语字符串的 JSON 列表。",
            "请写一个包含原文短语对的 JSON 列表。",
            '请写一个包含对象 {{"text": 原文短语, "label": 其中之一 {}}} 的 JSON 列表。',
            turned=True,
            scaled="您的答案必须是一个数字：两段文字意思有多相近，从 {}（完全不同）到 {}（意思相同）？",
            several="请写一个 JSON 列表，包含这些标签中每个适用的，没有则写 []：{}。",
            applies="您的答案必须是是或否：这个标签适用吗：{}？",
            verdict=("是", "否"),
        ),
        Words(
            "答案是一个字母。",
            "答案是以下之一：{}。",
            "答案是由原文短语组成的 JSON 字符串列表。",
            "答案是由原文短语对组成的 JSON 列表。",
            '答案是 JSON 对象列表 {{"text": 原文短语, "label": 其中之一 {}}}。',
            "({}) {}",
            "请阅读以下内容并按要求作答。",
            scaled="答案是一个数字，表示两段文字意思的相近程度，从 {}（完全不同）到 {}（意思相同）。",
            several="答案是 JSON 字符串列表，即这些标签中适用的（没有则为 []）：{}。",
            applies="若这个标签适用，答案为是，否则为否：{}",
            verdict=("是", "否"),
        ),
    ),
}
"""The first is how a task is asked; the others ask for the same in other words, in other places, with other marks.

All were written for this project, before any was tried on a model.
"""
