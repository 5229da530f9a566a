"""What counts as an identifier: the kinds, as HIPAA's Safe Harbor lists them (45 CFR 164.514(b)(2)(i), A to R)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of identifier: the letters of the Safe Harbor list, what Presidio calls it, and whether it is direct.

    Direct ones tell who somebody is, or nearly; the others (a profession, a relative's role) only in company.
    """

    name: str
    harbor: str
    presidio: str
    direct: bool = True


KINDS = {
    kind.name: kind
    for kind in (
        Kind("NAME", "A", "PERSON"),
        Kind("LOCATION", "B", "LOCATION"),
        Kind("HOSPITAL", "B", "ORGANIZATION"),
        Kind("DATE", "C", "DATE_TIME"),
        Kind("AGE", "C", "AGE"),
        Kind("PHONE", "D", "PHONE_NUMBER"),
        Kind("FAX", "E", "PHONE_NUMBER"),
        Kind("EMAIL", "F", "EMAIL_ADDRESS"),
        Kind("SSN", "G", "US_SSN"),
        Kind("MRN", "H", "MEDICAL_RECORD"),
        Kind("HEALTH_PLAN", "I", "HEALTH_PLAN"),
        Kind("ACCOUNT", "J", "US_BANK_NUMBER"),
        Kind("LICENSE", "K", "MEDICAL_LICENSE"),
        Kind("VEHICLE", "L", "VEHICLE"),
        Kind("DEVICE", "M", "DEVICE"),
        Kind("URL", "N", "URL"),
        Kind("IP", "O", "IP_ADDRESS"),
        Kind("OTHER_ID", "PQR", "ID"),
        Kind("ORGANIZATION", "R", "ORGANIZATION", direct=False),
        Kind("COUNTRY", "R", "LOCATION", direct=False),
        Kind("PROFESSION", "R", "PROFESSION", direct=False),
        Kind("FAMILY", "R", "FAMILY", direct=False),
        Kind("SEX", "R", "SEX", direct=False),
        Kind("OTHER", "R", "OTHER", direct=False),
    )
}
"""Every kind that is found. P and Q (prints of fingers or voice, pictures of faces) are no text; their numbers are."""

MEDDOCAN = {
    "NOMBRE_SUJETO_ASISTENCIA": "NAME",
    "NOMBRE_PERSONAL_SANITARIO": "NAME",
    "CALLE": "LOCATION",
    "TERRITORIO": "LOCATION",
    "PAIS": "COUNTRY",
    "HOSPITAL": "HOSPITAL",
    "CENTRO_SALUD": "HOSPITAL",
    "INSTITUCION": "ORGANIZATION",
    "FECHAS": "DATE",
    "EDAD_SUJETO_ASISTENCIA": "AGE",
    "NUMERO_TELEFONO": "PHONE",
    "NUMERO_FAX": "FAX",
    "CORREO_ELECTRONICO": "EMAIL",
    "ID_SUJETO_ASISTENCIA": "MRN",
    "ID_ASEGURAMIENTO": "HEALTH_PLAN",
    "ID_CONTACTO_ASISTENCIAL": "OTHER_ID",
    "ID_EMPLEO_PERSONAL_SANITARIO": "LICENSE",
    "ID_TITULACION_PERSONAL_SANITARIO": "LICENSE",
    "IDENTIF_VEHICULOS_NRSERIE_PLACAS": "VEHICLE",
    "IDENTIF_DISPOSITIVOS_NRSERIE": "DEVICE",
    "IDENTIF_BIOMETRICOS": "OTHER_ID",
    "DIREC_PROT_INTERNET": "IP",
    "URL_WEB": "URL",
    "PROFESION": "PROFESSION",
    "FAMILIARES_SUJETO_ASISTENCIA": "FAMILY",
    "SEXO_SUJETO_ASISTENCIA": "SEX",
    "OTRO_NUMERO_IDENTIF": "OTHER_ID",
    "OTROS_SUJETO_ASISTENCIA": "OTHER",
    "NUMERO_BENEF_PLAN_SALUD": "HEALTH_PLAN",
}
"""The types of MEDDOCAN (Marimon et al. 2019)."""
OTHERS = {
    "PERSON": "NAME",
    "STREET_ADDRESS": "LOCATION",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "ZIP_CODE": "LOCATION",
    "CITY": "LOCATION",
    "DATE_TIME": "DATE",
    "PHONE_NUMBER": "PHONE",
    "EMAIL_ADDRESS": "EMAIL",
    "DOMAIN_NAME": "URL",
    "IP_ADDRESS": "IP",
    "US_SSN": "SSN",
    "US_DRIVER_LICENSE": "LICENSE",
    "IBAN_CODE": "ACCOUNT",
    "CREDIT_CARD": "ACCOUNT",
    "ORG": "ORGANIZATION",
    "ID": "OTHER_ID",
    "CONTACT": "PHONE",
    "ORGANIZATION": "ORGANIZATION",
    "NRP": "OTHER",
    "TITLE": "OTHER",
    "UK_NHS": "MRN",
    "US_ITIN": "SSN",
    "UK_NINO": "SSN",
    "ES_NIF": "SSN",
    "ES_NIE": "SSN",
    "US_PASSPORT": "LICENSE",
    "US_NPI": "LICENSE",
    "US_MBI": "HEALTH_PLAN",
    "MEDICAL_LICENSE": "LICENSE",
    "US_BANK_NUMBER": "ACCOUNT",
    "CRYPTO": "ACCOUNT",
    "MAC_ADDRESS": "DEVICE",
    "MEDICAL_RECORD": "MRN",
}
"""What other sets and tools call kinds of ours."""


def kind_of(label: str) -> str:
    """Return the kind that a label of another set or tool stands for; OTHER where it is not known."""
    return label if label in KINDS else MEDDOCAN.get(label) or OTHERS.get(label, "OTHER")
