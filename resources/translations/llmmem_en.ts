<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
<context>
    <name>Announcements</name>
    <message numerus="yes">
        <source>%n new models found</source>
        <translation>
            <numerusform>%n new model found</numerusform>
            <numerusform>%n new models found</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Unloaded %n models: {size} back</source>
        <translation>
            <numerusform>Unloaded %n model: {size} back</numerusform>
            <numerusform>Unloaded %n models: {size} back</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Load all %n</source>
        <translation>
            <numerusform>Load all %n</numerusform>
            <numerusform>Load all %n</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>EmptyState</name>
    <message numerus="yes">
        <source>%n model(s)</source>
        <translation>
            <numerusform>%n model</numerusform>
            <numerusform>%n models</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>LibraryActions</name>
    <message numerus="yes">
        <source>%n model(s) found</source>
        <translation>
            <numerusform>%n model found</numerusform>
            <numerusform>%n models found</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Added %n models.</source>
        <translation>
            <numerusform>Added %n model.</numerusform>
            <numerusform>Added %n models.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Removed %n models from the list; their files are where they were.</source>
        <translation>
            <numerusform>Removed %n model from the list; its file is where it was.</numerusform>
            <numerusform>Removed %n models from the list; their files are where they were.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>LimitsPanel</name>
    <message numerus="yes">
        <source>%n idle model(s) now</source>
        <translation>
            <numerusform>%n idle model now</numerusform>
            <numerusform>%n idle models now</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message numerus="yes">
        <source>Closing: %n model(s) give their memory back…</source>
        <translation>
            <numerusform>Closing: %n model gives its memory back…</numerusform>
            <numerusform>Closing: %n models give their memory back…</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ModelFacts</name>
    <message numerus="yes">
        <source>measured %n time(s)</source>
        <translation>
            <numerusform>measured once</numerusform>
            <numerusform>measured %n times</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ModelRows</name>
    <message numerus="yes">
        <source>%n waiting</source>
        <translation>
            <numerusform>%n waiting</numerusform>
            <numerusform>%n waiting</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n request(s)</source>
        <translation>
            <numerusform>%n request</numerusform>
            <numerusform>%n requests</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>on %n GPUs</source>
        <translation>
            <numerusform>on %n GPU</numerusform>
            <numerusform>on %n GPUs</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>PoolBar</name>
    <message numerus="yes">
        <source>%n more model(s)</source>
        <translation>
            <numerusform>%n more model</numerusform>
            <numerusform>%n more models</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>QuitQuestion</name>
    <message numerus="yes">
        <source>%n answer(s) are not finished.</source>
        <translation>
            <numerusform>%n answer is not finished.</numerusform>
            <numerusform>%n answers are not finished.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>TryOut</name>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n token</numerusform>
            <numerusform>%n tokens</numerusform>
        </translation>
    </message>
</context>
</TS>
