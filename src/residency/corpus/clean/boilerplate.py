"""What stands on every web page and in no text: cookie banners, legal lines and navigation, in seven languages; and the
function words that every running text has.
"""

from __future__ import annotations

import re
from collections.abc import Set

LANGUAGES = frozenset("en es fr de it pt nl".split())
FUNCTION_WORDS = frozenset(
    word.encode()
    for word in """
    the of and to in is for with on at by from that this was were are be has have had not no or as an it he she his her
    de la el los las que en un una del al con por para se su como más no sin fue es y ha
    le les des et du à un une dans pour qui sur avec pas est sont au aux par ce cette il elle sans
    der die das und ist mit von zu den dem des im nicht ein eine einer für auf bei wird wurde sich ohne
    il lo gli che di della del per con una non è sono nel alla si da come
    o os as um uma do da dos das em no na com não por para foi ao sem
    het een van en niet met voor bij werd zijn aan geen
    mg ml mcg daily po bid tid qid prn every once twice tablet tab capsule qd qhs hs iv
    """.split()
)
"""In several languages, for a source's language may be wrong; with the shorthand that takes their place in orders."""

_PHRASES = re.compile(
    r"(?:uses?|accept|our|all|these|essential|necessary|party|with(?:out)?|de|des"
    r"|verwende[nt]|utiliza\w*|utilis\w+) cookies?\b"
    r"|cookie[- ](?:policy|settings|preferences|consent|notice|richtlinie)|javascript|lorem ipsum"
    r"|privacy (?:policy|notice)|terms (?:of (?:use|service)|and conditions)"
    r"|all rights reserved|copyright ©|© ?\d{4}|subscribe|newsletter|click here|read more"
    r"|skip to (?:main )?content|back to top|share (?:this|on)|follow us|add to cart|powered by|your browser"
    r"|política de privacidad|aviso legal|todos los derechos reservados|suscr[ií]b|leer más|haga clic"
    r"|politique de confidentialité|mentions légales|tous droits réservés|abonnez-vous|lire la suite"
    r"|datenschutz|impressum|alle rechte vorbehalten|abonnieren|weiterlesen|nutzungsbedingungen"
    r"|informativa sulla privacy|tutti i diritti riservati|iscriviti|leggi tutto"
    r"|política de privacidade|todos os direitos reservados|inscreva-se|leia mais"
    r"|版权所有|隐私政策|使用条款|登录|注册|点击这里|阅读更多|返回顶部"
)
TRIGGERS = frozenset(
    word.encode()
    for word in """
    cookie cookies javascript lorem privacy copyright subscribe newsletter click privacidad suscríbete suscríbase
    suscribirse confidentialité mentions abonnez datenschutz impressum abonnieren weiterlesen nutzungsbedingungen
    informativa diritti iscriviti leggi privacidade inscreva leia
    """.split()
)
"""Without one of these words no phrase is looked for."""
_TRIGGERS_UNSPACED = (
    "版权所有",
    "隐私政策",
    "使用条款",
    "登录",
    "注册",
    "点击这里",
    "阅读更多",
    "返回顶部",
    "Cookie",
    "cookie",
)

_ITEMS = frozenset(
    item.strip()
    for item in """
    home, homepage, about, about us, contact, contact us, login, log in, log out, logout, sign in, sign up, sign out,
    register, search, menu, main menu, next, previous, prev, back, top, back to top, share, print, help, faq, faqs,
    news, events, blog, shop, store, cart, checkout, my account, account, profile, settings, sitemap, site map, privacy,
    privacy policy, cookie policy, terms, terms of use, terms of service, terms and conditions, disclaimer, careers,
    jobs, press, media, donate, subscribe, newsletter, rss, facebook, twitter, instagram, linkedin, youtube, follow us,
    feedback, accessibility, language, english, español, français, deutsch, italiano, português, 中文, more, read more,
    skip to content, skip to main content, download, downloads, products, services, support, categories, archive, tags,
    inicio, contacto, buscar, acerca de, sobre nosotros, iniciar sesión, registrarse, aviso legal, noticias, tienda,
    accueil, recherche, connexion, se connecter, s'inscrire, à propos, qui sommes-nous, nous contacter, actualités,
    mentions légales, plan du site, startseite, suche, anmelden, kontakt, über uns, impressum, datenschutz, hilfe,
    agb, chi siamo, contatti, cerca, accedi, início, contato, sobre nós, entrar, buscar, mapa do site,
    首页, 关于我们, 联系我们, 登录, 注册, 搜索, 返回, 上一页, 下一页, 网站地图, 帮助
    """.replace("\n", " ").split(",")
)
NAVIGATION = frozenset(
    word.encode()
    for word in """
    home homepage login logout register menu faq faqs blog shop cart checkout sitemap privacy disclaimer careers donate
    newsletter subscribe rss facebook twitter instagram linkedin youtube feedback downloads categories about contact
    search inicio contacto buscar noticias tienda accueil recherche connexion actualités contacter startseite suche
    anmelden kontakt impressum datenschutz hilfe agb contatti cerca accedi início contato entrar
    首页 关于我们 联系我们 登录 注册 搜索 网站地图
    """.split()
)
"""Without three of these words no items are looked for."""
_CUTS = re.compile(r"[\n|»›·•>]+|\s{3,}|\t")
_LEAST_ITEMS = 5


def boilerplate_share(text: str, words: Set[bytes]) -> float:
    """Return the share of the text's characters that stand in lines with a phrase of web boilerplate."""
    if words.isdisjoint(TRIGGERS) and not any(trigger in text for trigger in _TRIGGERS_UNSPACED if not text.isascii()):
        return 0.0
    lines = [line for line in text.lower().split("\n") if line.strip()]
    phrases = [len(_PHRASES.findall(line)) for line in lines]
    if sum(phrases) < 2:
        return 0.0
    held = sum(len(line) for line, found in zip(lines, phrases, strict=True) if found > len(line) // 200)
    return held / sum(map(len, lines))


def navigation_share(text: str, words: Set[bytes]) -> float:
    """Return the share of the text's lines and items (cut at ``|``, ``»`` …) that are names of a web page's menus."""
    if len(words & NAVIGATION) < 3:
        return 0.0
    items = [item.strip().lower() for item in _CUTS.split(text) if item.strip()]
    found = sum(item in _ITEMS for item in items)
    return found / len(items) if found >= _LEAST_ITEMS else 0.0
