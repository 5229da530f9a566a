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
    other side of what it is asked about.
    """

    answer: str = "Answer with the letter."
    options: str = "Answer with one of: {}."
    listed: str = "Give the exact phrases as a JSON list of strings."
    paired: str = "Give a JSON list of pairs of exact phrases."
    labelled: str = 'Give a JSON list of objects {{"text": the exact phrase, "label": one of {}}}.'
    mark: str = "{}. {}"
    opening: str = ""
    turned: bool = False


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
        ),
        Words(
            "Which letter is right? Give the letter only.",
            "Your answer must be one of: {}.",
            "Write a JSON list that holds the exact phrases as strings.",
            "Write a JSON list that holds pairs of exact phrases.",
            'Write a JSON list that holds objects {{"text": the exact phrase, "label": one of {}}}.',
            turned=True,
        ),
        Words(
            "The answer is a letter.",
            "The answer is one of: {}.",
            "The answer is a JSON list of strings, the exact phrases.",
            "The answer is a JSON list of pairs of exact phrases.",
            'The answer is a JSON list of objects {{"text": the exact phrase, "label": one of {}}}.',
            "({}) {}",
            "Read what follows and do what is asked.",
        ),
    ),
    "es": (
        Words(
            "Responda con la letra.",
            "Responda con una de estas opciones: {}.",
            "Dé las frases exactas como una lista JSON de cadenas.",
            "Dé una lista JSON de pares de frases exactas.",
            'Dé una lista JSON de objetos {{"text": la frase exacta, "label": una de {}}}.',
        ),
        Words(
            "Indique la letra de la opción correcta.",
            "Elija una de estas respuestas: {}.",
            "Enumere las frases exactas en una lista JSON de cadenas.",
            "Enumere los pares de frases exactas en una lista JSON.",
            'Enumere objetos {{"text": la frase exacta, "label": una de {}}} en una lista JSON.',
            "{}) {}",
        ),
        Words(
            "¿Qué letra es la correcta? Escriba solo la letra.",
            "Su respuesta debe ser una de: {}.",
            "Escriba una lista JSON que contenga las frases exactas como cadenas.",
            "Escriba una lista JSON que contenga pares de frases exactas.",
            'Escriba una lista JSON que contenga objetos {{"text": la frase exacta, "label": una de {}}}.',
            turned=True,
        ),
        Words(
            "La respuesta es una letra.",
            "La respuesta es una de: {}.",
            "La respuesta es una lista JSON de cadenas, las frases exactas.",
            "La respuesta es una lista JSON de pares de frases exactas.",
            'La respuesta es una lista JSON de objetos {{"text": la frase exacta, "label": una de {}}}.',
            "({}) {}",
            "Lea lo siguiente y haga lo que se pide.",
        ),
    ),
    "fr": (
        Words(
            "Répondez par la lettre.",
            "Répondez par l'une de ces options : {}.",
            "Donnez les expressions exactes sous forme de liste JSON de chaînes.",
            "Donnez une liste JSON de paires d'expressions exactes.",
            'Donnez une liste JSON d\'objets {{"text": l\'expression exacte, "label": un de {}}}.',
        ),
        Words(
            "Indiquez la lettre de la bonne option.",
            "Choisissez l'une de ces réponses : {}.",
            "Énumérez les expressions exactes dans une liste JSON de chaînes.",
            "Énumérez les paires d'expressions exactes dans une liste JSON.",
            'Énumérez des objets {{"text": l\'expression exacte, "label": un de {}}} dans une liste JSON.',
            "{}) {}",
        ),
        Words(
            "Quelle lettre est la bonne ? Écrivez seulement la lettre.",
            "Votre réponse doit être l'une de : {}.",
            "Écrivez une liste JSON qui contient les expressions exactes comme chaînes.",
            "Écrivez une liste JSON qui contient des paires d'expressions exactes.",
            'Écrivez une liste JSON qui contient des objets {{"text": l\'expression exacte, "label": un de {}}}.',
            turned=True,
        ),
        Words(
            "La réponse est une lettre.",
            "La réponse est l'une de : {}.",
            "La réponse est une liste JSON de chaînes, les expressions exactes.",
            "La réponse est une liste JSON de paires d'expressions exactes.",
            'La réponse est une liste JSON d\'objets {{"text": l\'expression exacte, "label": un de {}}}.',
            "({}) {}",
            "Lisez ce qui suit et faites ce qui est demandé.",
        ),
    ),
    "zh": (
        Words(
            "请只回答选项字母。",
            "请回答以下之一：{}。",
            "请以 JSON 字符串列表给出原文短语。",
            "请以 JSON 列表给出原文短语对。",
            '请给出 JSON 对象列表 {{"text": 原文短语, "label": 其中之一 {}}}。',
        ),
        Words(
            "请写出正确选项的字母。",
            "请从下列答案中选择一个：{}。",
            "请用 JSON 字符串数组列出原文短语。",
            "请用 JSON 数组列出原文短语对。",
            '请用 JSON 数组列出对象 {{"text": 原文短语, "label": 其中之一 {}}}。',
            "{}) {}",
        ),
        Words(
            "哪个字母是正确的？只写字母。",
            "您的答案必须是以下之一：{}。",
            "请写一个包含原文短语字符串的 JSON 列表。",
            "请写一个包含原文短语对的 JSON 列表。",
            '请写一个包含对象 {{"text": 原文短语, "label": 其中之一 {}}} 的 JSON 列表。',
            turned=True,
        ),
        Words(
            "答案是一个字母。",
            "答案是以下之一：{}。",
            "答案是由原文短语组成的 JSON 字符串列表。",
            "答案是由原文短语对组成的 JSON 列表。",
            '答案是 JSON 对象列表 {{"text": 原文短语, "label": 其中之一 {}}}。',
            "({}) {}",
            "请阅读以下内容并按要求作答。",
        ),
    ),
}
"""The first is how a task is asked; the others ask for the same in other words, in other places, with other marks.

All were written for this project, before any was tried on a model.
"""
