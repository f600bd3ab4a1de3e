"""The issuing country: one frozen table from codes and names, as authorities write them, to ISO 3166-1 alpha-3.

Names are those of ISO 3166-1, of the UN Security Council list and of OFAC's list, long forms, common forms and
adjectives ("Tunisian"), because the UN file uses them for issuing countries. Only exact matches count.

Decided here, since no standard decides it:

- A country that only changed its name has one code for both names: Burma, Zaire, Swaziland, Turkey, Macedonia.
- A state that broke up keeps a code of its own (ISO 3166-3): a Soviet or Yugoslav document was not issued by one
  of the successors. The kind `passport-number` ignores the country and bridges the rest.
- Kosovo is XKX, the code in general use; ICAO's RKS is an alias. British passports of all classes
  (ICAO Doc 9303-3: GBD, GBN, GBO, GBP, GBS) were issued by GBR.
- International organizations that issue travel documents have the codes of ICAO Doc 9303-3.
- Names that authorities use for two countries are refused as ambiguous. "Congo" is one: the UN's own file
  writes it for the Democratic Republic.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from protocol.identifiers.errors import CountryAmbiguousError, CountryMissingError, CountryUnknownError
from protocol.identifiers.folding import name_key

# alpha-3, alpha-2, names separated by "|"; a line that begins with "|" continues the one above.
TABLE: Final = """\
ABW AW Aruba
AFG AF Afghanistan | Islamic Republic of Afghanistan | Afghan
AGO AO Angola | Republic of Angola | Angolan
AIA AI Anguilla
ALA AX Åland Islands
ALB AL Albania | Republic of Albania | Albanian
AND AD Andorra | Principality of Andorra
ARE AE United Arab Emirates | UAE | Emirati | Emirates
ARG AR Argentina | Argentine Republic | Argentinian | Argentine
ARM AM Armenia | Republic of Armenia | Armenian
ASM AS American Samoa
ATA AQ Antarctica
ATF TF French Southern Territories
ATG AG Antigua and Barbuda
AUS AU Australia | Australian | Commonwealth of Australia
AUT AT Austria | Republic of Austria | Austrian
AZE AZ Azerbaijan | Republic of Azerbaijan | Azerbaijani
BDI BI Burundi | Republic of Burundi | Burundian
BEL BE Belgium | Kingdom of Belgium | Belgian
BEN BJ Benin | Republic of Benin | Dahomey
BES BQ Bonaire, Sint Eustatius and Saba | Bonaire | Caribbean Netherlands
BFA BF Burkina Faso | Upper Volta
BGD BD Bangladesh | People's Republic of Bangladesh | Bangladeshi
BGR BG Bulgaria | Republic of Bulgaria | Bulgarian
BHR BH Bahrain | Kingdom of Bahrain | Bahraini
BHS BS Bahamas | Commonwealth of the Bahamas | The Bahamas | Bahamas, The
BIH BA Bosnia and Herzegovina | Republic of Bosnia and Herzegovina | Bosnia | Bosnia-Herzegovina
| Bosnia & Herzegovina | Bosnian
BLM BL Saint Barthélemy
BLR BY Belarus | Republic of Belarus | Belarusian | Belorussia | Byelorussia
| Belarus (formerly Byelorussia)
BLZ BZ Belize
BMU BM Bermuda
BOL BO Bolivia, Plurinational State of | Bolivia | Plurinational State of Bolivia
| Bolivia (Plurinational State of) | Bolivian
BRA BR Brazil | Federative Republic of Brazil | Brazilian
BRB BB Barbados
BRN BN Brunei Darussalam | Brunei
BTN BT Bhutan | Kingdom of Bhutan
BVT BV Bouvet Island
BWA BW Botswana | Republic of Botswana
CAF CF Central African Republic | CAR
CAN CA Canada | Canadian
CCK CC Cocos (Keeling) Islands
CHE CH Switzerland | Swiss Confederation | Swiss
CHL CL Chile | Republic of Chile | Chilean
CHN CN China | People's Republic of China | PRC | Chinese | China, People's Republic of | Mainland China
CIV CI Côte d'Ivoire | Republic of Côte d'Ivoire | Ivory Coast | Cote d Ivoire | Ivorian
CMR CM Cameroon | Republic of Cameroon | Cameroonian
COD CD Congo, The Democratic Republic of the | DRC | DR Congo | D.R. Congo | Congo (Kinshasa)
| Congo-Kinshasa | Congo, Democratic Republic of | Congo, Democratic Republic of the
| Congo (Democratic Republic of the) | Democratic Republic of Congo | Democratic Republic of the Congo
| Congo, Dem. Rep. | Zaire
COG CG Republic of the Congo | Congo (Brazzaville) | Congo, Republic of the | Congo, Republic of
| Congo Brazzaville | Congo-Brazzaville | Republic of Congo
COK CK Cook Islands
COL CO Colombia | Republic of Colombia | Colombian
COM KM Comoros | Union of the Comoros | Comoran
CPV CV Cabo Verde | Republic of Cabo Verde | Cape Verde | Cabo Verde. Previously Cape Verde.
CRI CR Costa Rica | Republic of Costa Rica | Costa Rican
CUB CU Cuba | Republic of Cuba | Cuban
CUW CW Curaçao
CXR CX Christmas Island
CYM KY Cayman Islands
CYP CY Cyprus | Republic of Cyprus | Cypriot
CZE CZ Czechia | Czech Republic | Czech | The Czech Republic
DEU DE Germany | Federal Republic of Germany | German | West Germany | Germany, Federal Republic of | D
DJI DJ Djibouti | Republic of Djibouti | Djiboutian
DMA DM Dominica | Commonwealth of Dominica
DNK DK Denmark | Kingdom of Denmark | Danish
DOM DO Dominican Republic
DZA DZ Algeria | People's Democratic Republic of Algeria | Algerian
ECU EC Ecuador | Republic of Ecuador | Ecuadorian
EGY EG Egypt | Arab Republic of Egypt | Egyptian
ERI ER Eritrea | State of Eritrea | Eritrean
ESH EH Western Sahara
ESP ES Spain | Kingdom of Spain | Spanish
EST EE Estonia | Republic of Estonia | Estonian
ETH ET Ethiopia | Federal Democratic Republic of Ethiopia | Ethiopian
FIN FI Finland | Republic of Finland | Finnish
FJI FJ Fiji | Republic of Fiji
FLK FK Falkland Islands (Malvinas) | Falkland Islands | Malvinas
FRA FR France | French Republic | French | France, Metropolitan
FRO FO Faroe Islands | Faeroe Islands
FSM FM Micronesia, Federated States of | Federated States of Micronesia | Micronesia
| Micronesia (Federated States of)
GAB GA Gabon | Gabonese Republic
GBR GB United Kingdom | United Kingdom of Great Britain and Northern Ireland | UK | U.K. | Great Britain
| Britain | British | England | Scotland | Wales | Northern Ireland | The United Kingdom | GBD | GBN | GBO
| GBP | GBS
GEO GE Georgia | Georgian | Republic of Georgia
GGY GG Guernsey
GHA GH Ghana | Republic of Ghana | Ghanaian
GIB GI Gibraltar
GIN GN Guinea | Republic of Guinea
GLP GP Guadeloupe
GMB GM Gambia | Republic of the Gambia | The Gambia | Gambia, The | Gambian
GNB GW Guinea-Bissau | Republic of Guinea-Bissau
GNQ GQ Equatorial Guinea | Republic of Equatorial Guinea
GRC GR Greece | Hellenic Republic | Greek
GRD GD Grenada
GRL GL Greenland
GTM GT Guatemala | Republic of Guatemala | Guatemalan
GUF GF French Guiana
GUM GU Guam
GUY GY Guyana | Republic of Guyana
HKG HK Hong Kong | Hong Kong Special Administrative Region of China | Hong Kong SAR | Hong Kong, China
| China, Hong Kong Special Administrative Region | Hong Kong (China)
HMD HM Heard Island and McDonald Islands
HND HN Honduras | Republic of Honduras | Honduran
HRV HR Croatia | Republic of Croatia | Croatian
HTI HT Haiti | Republic of Haiti | Haitian
HUN HU Hungary | Hungarian | Republic of Hungary
IDN ID Indonesia | Republic of Indonesia | Indonesian
IMN IM Isle of Man
IND IN India | Republic of India | Indian
IOT IO British Indian Ocean Territory
IRL IE Ireland | Irish | Republic of Ireland | Ireland, Republic of | Eire
IRN IR Iran, Islamic Republic of | Iran | Islamic Republic of Iran | Iran (Islamic Republic of) | Iranian
| Persia
IRQ IQ Iraq | Republic of Iraq | Iraqi
ISL IS Iceland | Republic of Iceland | Icelandic
ISR IL Israel | State of Israel | Israeli
ITA IT Italy | Italian Republic | Italian
JAM JM Jamaica | Jamaican
JEY JE Jersey
JOR JO Jordan | Hashemite Kingdom of Jordan | Jordanian
JPN JP Japan | Japanese
KAZ KZ Kazakhstan | Republic of Kazakhstan | Kazakh | Kazakhstani
KEN KE Kenya | Republic of Kenya | Kenyan
KGZ KG Kyrgyzstan | Kyrgyz Republic | Kyrgyz | Kirghizstan | Kyrgyzstani
KHM KH Cambodia | Kingdom of Cambodia | Cambodian | Kampuchea | Democratic Kampuchea
KIR KI Kiribati | Republic of Kiribati
KNA KN Saint Kitts and Nevis | St. Kitts and Nevis | Saint Kitts & Nevis | Saint Christopher and Nevis
| St Kitts and Nevis
KOR KR Korea, Republic of | South Korea | ROK | Korea, South | South Korean | Republic of Korea
| Korea (Republic of)
KWT KW Kuwait | State of Kuwait | Kuwaiti
LAO LA Lao People's Democratic Republic | Laos | Lao | Laotian
LBN LB Lebanon | Lebanese Republic | Lebanese
LBR LR Liberia | Republic of Liberia | Liberian
LBY LY Libya | Libyan | Libyan Arab Jamahiriya | State of Libya
LCA LC Saint Lucia | St. Lucia
LIE LI Liechtenstein | Principality of Liechtenstein
LKA LK Sri Lanka | Democratic Socialist Republic of Sri Lanka | Sri Lankan | Ceylon
LSO LS Lesotho | Kingdom of Lesotho
LTU LT Lithuania | Republic of Lithuania | Lithuanian
LUX LU Luxembourg | Grand Duchy of Luxembourg | Luxembourger
LVA LV Latvia | Republic of Latvia | Latvian
MAC MO Macao | Macao Special Administrative Region of China | Macau | Macau SAR | Macao SAR
| China, Macao Special Administrative Region
MAF MF Saint Martin (French part) | Saint Martin | St. Martin
MAR MA Morocco | Kingdom of Morocco | Moroccan
MCO MC Monaco | Principality of Monaco
MDA MD Moldova, Republic of | Moldova | Republic of Moldova | Moldovan | Moldavia
MDG MG Madagascar | Republic of Madagascar | Malagasy
MDV MV Maldives | Republic of Maldives | Maldivian | Maldive Islands
MEX MX Mexico | United Mexican States | Mexican
MHL MH Marshall Islands | Republic of the Marshall Islands
MKD MK North Macedonia | Republic of North Macedonia | Macedonia | Macedonian
| North Macedonia, The Republic of | The former Yugoslav Republic of Macedonia
| Former Yugoslav Republic of Macedonia | Macedonia, The Former Yugoslav Republic of | FYROM
MLI ML Mali | Republic of Mali | Malian
MLT MT Malta | Republic of Malta | Maltese
MMR MM Myanmar | Republic of Myanmar | Burma | Burmese | Myanmar (Burma) | Burma (Myanmar)
| Union of Myanmar | Republic of the Union of Myanmar
MNE ME Montenegro | Montenegrin
MNG MN Mongolia | Mongolian
MNP MP Northern Mariana Islands | Commonwealth of the Northern Mariana Islands
MOZ MZ Mozambique | Republic of Mozambique | Mozambican
MRT MR Mauritania | Islamic Republic of Mauritania | Mauritanian
MSR MS Montserrat
MTQ MQ Martinique
MUS MU Mauritius | Republic of Mauritius | Mauritian
MWI MW Malawi | Republic of Malawi
MYS MY Malaysia | Malaysian
MYT YT Mayotte
NAM NA Namibia | Republic of Namibia | Namibian
NCL NC New Caledonia
NER NE Niger | Republic of the Niger | Nigerien
NFK NF Norfolk Island
NGA NG Nigeria | Federal Republic of Nigeria | Nigerian
NIC NI Nicaragua | Republic of Nicaragua | Nicaraguan
NIU NU Niue
NLD NL Netherlands | Kingdom of the Netherlands | Holland | Dutch | The Netherlands | Netherlands, The
| Netherlands (Kingdom of the)
NOR NO Norway | Kingdom of Norway | Norwegian
NPL NP Nepal | Federal Democratic Republic of Nepal | Nepalese | Nepali
NRU NR Nauru | Republic of Nauru
NZL NZ New Zealand | New Zealander
OMN OM Oman | Sultanate of Oman | Omani
PAK PK Pakistan | Islamic Republic of Pakistan | Pakistani
PAN PA Panama | Republic of Panama | Panamanian
PCN PN Pitcairn
PER PE Peru | Republic of Peru | Peruvian
PHL PH Philippines | Republic of the Philippines | Filipino | Philippine | The Philippines
| Philippines, The
PLW PW Palau | Republic of Palau
PNG PG Papua New Guinea | Independent State of Papua New Guinea | Papua New Guinean
POL PL Poland | Republic of Poland | Polish
PRI PR Puerto Rico
PRK KP Korea, Democratic People's Republic of | North Korea | Democratic People's Republic of Korea | DPRK
| RPDC | Korea, North | North Korean | Korea (Democratic People's Republic of)
| Korea, Democratic People's Rep. of | Democratic Peoples Republic of Korea
PRT PT Portugal | Portuguese Republic | Portuguese
PRY PY Paraguay | Republic of Paraguay | Paraguayan
PSE PS Palestine, State of | State of Palestine | Palestine | Palestinian | Palestinian Territory
| Palestinian Territories | Palestinian Territory, Occupied | Occupied Palestinian Territory
| Palestinian Authority | West Bank | Gaza | Gaza Strip | Region: Gaza | Region: West Bank
PYF PF French Polynesia
QAT QA Qatar | State of Qatar | Qatari
REU RE Réunion | Reunion Island
ROU RO Romania | Romanian | Rumania
RUS RU Russian Federation | Russia | Russian
RWA RW Rwanda | Rwandese Republic | Rwandan
SAU SA Saudi Arabia | Kingdom of Saudi Arabia | KSA | Saudi | Saudi Arabian
SDN SD Sudan | Republic of the Sudan | Sudanese
SEN SN Senegal | Republic of Senegal | Senegalese
SGP SG Singapore | Republic of Singapore | Singaporean
SGS GS South Georgia and the South Sandwich Islands
SHN SH Saint Helena, Ascension and Tristan da Cunha | Saint Helena | St. Helena
SJM SJ Svalbard and Jan Mayen
SLB SB Solomon Islands
SLE SL Sierra Leone | Republic of Sierra Leone | Sierra Leonean
SLV SV El Salvador | Republic of El Salvador | Salvadoran | Salvadorian
SMR SM San Marino | Republic of San Marino
SOM SO Somalia | Federal Republic of Somalia | Somali | Somali Republic
SPM PM Saint Pierre and Miquelon
SRB RS Serbia | Republic of Serbia | Serbian
SSD SS South Sudan | Republic of South Sudan | South Sudanese
STP ST Sao Tome and Principe | Democratic Republic of Sao Tome and Principe | Sao Tome
SUR SR Suriname | Republic of Suriname | Surinamese
SVK SK Slovakia | Slovak Republic | Slovak
SVN SI Slovenia | Republic of Slovenia | Slovenian | Slovene
SWE SE Sweden | Kingdom of Sweden | Swedish
SWZ SZ Eswatini | Kingdom of Eswatini | Swaziland
SXM SX Sint Maarten (Dutch part) | Sint Maarten | St. Maarten
SYC SC Seychelles | Republic of Seychelles | Seychellois
SYR SY Syrian Arab Republic | Syria | Syrian
TCA TC Turks and Caicos Islands
TCD TD Chad | Republic of Chad | Chadian
TGO TG Togo | Togolese Republic | Togolese
THA TH Thailand | Kingdom of Thailand | Thai
TJK TJ Tajikistan | Republic of Tajikistan | Tajik | Tajikistani
TKL TK Tokelau
TKM TM Turkmenistan | Turkmen
TLS TL Timor-Leste | Democratic Republic of Timor-Leste | East Timor
TON TO Tonga | Kingdom of Tonga
TTO TT Trinidad and Tobago | Republic of Trinidad and Tobago | Trinidad | Trinidad & Tobago | Trinidadian
TUN TN Tunisia | Republic of Tunisia | Tunisian
TUR TR Türkiye | Republic of Türkiye | Turkey | Turkish | Republic of Turkey | Turkiye
TUV TV Tuvalu
TWN TW Taiwan, Province of China | Taiwan | Taiwanese | Republic of China | Taiwan (Province of China)
| Chinese Taipei
TZA TZ Tanzania, United Republic of | Tanzania | United Republic of Tanzania
| Tanzania (United Republic of) | Tanzanian
UGA UG Uganda | Republic of Uganda | Ugandan
UKR UA Ukraine | Ukrainian
UMI UM United States Minor Outlying Islands
URY UY Uruguay | Eastern Republic of Uruguay | Uruguayan
USA US United States | United States of America | US | U.S. | U.S.A. | America | American
| The United States | United States of America (the)
UZB UZ Uzbekistan | Republic of Uzbekistan | Uzbek | Uzbekistani
VAT VA Holy See (Vatican City State) | Holy See | Vatican | Vatican City | Vatican City State
VCT VC Saint Vincent and the Grenadines | St. Vincent and the Grenadines | Saint Vincent
VEN VE Venezuela, Bolivarian Republic of | Venezuela | Bolivarian Republic of Venezuela
| Venezuela (Bolivarian Republic of) | Venezuelan
VGB VG Virgin Islands, British | British Virgin Islands | Virgin Islands (British)
VIR VI Virgin Islands, U.S. | Virgin Islands of the United States | Virgin Islands (U.S.)
| U.S. Virgin Islands | United States Virgin Islands
VNM VN Viet Nam | Vietnam | Socialist Republic of Viet Nam | Vietnamese | Viet-Nam
VUT VU Vanuatu | Republic of Vanuatu
WLF WF Wallis and Futuna
WSM WS Samoa | Independent State of Samoa | Western Samoa
XKX XK Kosovo | Republic of Kosovo | Kosovar | RKS
YEM YE Yemen | Republic of Yemen | Yemeni | Yemen Arab Republic | North Yemen
ZAF ZA South Africa | Republic of South Africa | South African
ZMB ZM Zambia | Republic of Zambia | Zambian
ZWE ZW Zimbabwe | Republic of Zimbabwe | Zimbabwean | Rhodesia | Southern Rhodesia
"""

# Former states (ISO 3166-3) and issuers that are no state (ICAO Doc 9303-3, part D), as above.
OTHER_ISSUERS: Final = """\
ANT AN Netherlands Antilles
CSK -- Czechoslovakia | Czechoslovak Socialist Republic
DDR DD German Democratic Republic | East Germany | GDR
EUE EU European Union
SCG -- Serbia and Montenegro
SUN SU USSR | Soviet Union | Union of Soviet Socialist Republics
UNO UN United Nations | United Nations Organization | UNA
XOM -- Sovereign Military Order of Malta
XPO -- Interpol | International Criminal Police Organization
YMD YD South Yemen | People's Democratic Republic of Yemen | Yemen, Democratic
YUG YU Yugoslavia | Federal Republic of Yugoslavia | Socialist Federal Republic of Yugoslavia | FRY | SFRY
"""

# CS was Czechoslovakia's and later Serbia and Montenegro's alpha-2 code.
AMBIGUOUS: Final = (
    "Congo", "Congolese", "CS", "Dominican", "Guinean", "Korea", "Korean", "Virgin Islands"
)  # fmt: skip


def _parse(table: str) -> dict[str, str]:
    codes: dict[str, str] = {}
    for line in table.replace("\n|", " |").splitlines():
        alpha_3, alpha_2, names = line.split(" ", 2)
        for name in (alpha_3, alpha_2, *names.split("|")):
            if name != "--" and codes.setdefault(name_key(name), alpha_3) != alpha_3:
                raise ValueError(f"{name_key(name)} stands for {codes[name_key(name)]} and {alpha_3}")
    return codes


_CODES: Final = _parse(TABLE + OTHER_ISSUERS)
_AMBIGUOUS: Final = frozenset(map(name_key, AMBIGUOUS))


@lru_cache(maxsize=4096)  # names of countries, the same few in a whole file
def resolve(name: str) -> str:
    """Return the alpha-3 code of an issuing country given by code, name or adjective.

    Raises:
        CountryMissingError, CountryUnknownError, CountryAmbiguousError: nothing is guessed.
    """
    key = name_key(name)
    if (code := _CODES.get(key)) is not None:
        return code
    if not key:
        raise CountryMissingError("expected an issuing country, got none")
    if key in _AMBIGUOUS:
        raise CountryAmbiguousError("expected the name of one country, got one that stands for several")
    raise CountryUnknownError("expected a country of the profile's table, got another word")
