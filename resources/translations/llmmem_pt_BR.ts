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
        <source>Clean up unused</source>
        <translation>Limpar sem uso</translation>
    </message>
    <message>
        <source>Unload every idle model that is not pinned</source>
        <translation>Descarregar todo modelo ocioso que não esteja fixado</translation>
    </message>
    <message>
        <source>Put to sleep</source>
        <translation>Pôr para dormir</translation>
    </message>
    <message>
        <source>Give the weights back, keep the process</source>
        <translation>Devolver os pesos e manter o processo</translation>
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
    <name>CompositionBar</name>
    <message>
        <source>Where the memory is</source>
        <translation>Onde está a memória</translation>
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
        <source>What models may still use before the limit is reached.</source>
        <translation>O que os modelos ainda podem usar antes de atingir o limite.</translation>
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
        <source>Other programs and the system.</source>
        <translation>Outros programas e o sistema.</translation>
    </message>
    <message>
        <source>This program itself: window, service and the process that starts models.</source>
        <translation>Este próprio programa: janela, serviço e o processo que inicia modelos.</translation>
    </message>
</context>
<context>
    <name>Desktop</name>
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
        <source>{model} sleeps, its weights are given back</source>
        <translation>{model} dorme, seus pesos foram devolvidos</translation>
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
    <name>Faults</name>
    <message>
        <source>Something in LLM Memory went wrong ({error}); the models go on.</source>
        <translation>Algo deu errado no LLM Memory ({error}); os modelos continuam.</translation>
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
        <source>Memory of the control group that bounds this program</source>
        <translation>Memória do grupo de controle que limita este programa</translation>
    </message>
    <message>
        <source>Models {size} of {limit}</source>
        <translation>Modelos {size} de {limit}</translation>
    </message>
    <message>
        <source>this computer {used} of {total}</source>
        <translation>este computador {used} de {total}</translation>
    </message>
    <message>
        <source>pressure {level}</source>
        <translation>pressão {level}</translation>
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
        <source>Unload the chosen model and give its memory back</source>
        <translation>Descarregar o modelo escolhido e devolver sua memória</translation>
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
        <source>The weights are given back, the process stays; it wakes at the next request.</source>
        <translation>Os pesos são devolvidos, o processo fica; ele acorda no próximo pedido.</translation>
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
    <name>LimitHistory</name>
    <message>
        <source>total limit</source>
        <translation>limite total</translation>
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
        <translation>Descarregar ociosos</translation>
    </message>
    <message>
        <source>A model that nobody used for this long is unloaded.</source>
        <translation>Um modelo que ninguém usou por esse tempo é descarregado.</translation>
    </message>
    <message>
        <source>used now</source>
        <translation>em uso agora</translation>
    </message>
    <message>
        <source>{size} used now</source>
        <translation>{size} em uso agora</translation>
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
        <source>puts {models} to sleep</source>
        <translation>põe {models} para dormir</translation>
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
        <source>Raise the total limit to {size}</source>
        <translation>Aumentar o limite total para {size}</translation>
    </message>
    <message>
        <source>Raise its limit to {size}</source>
        <translation>Aumentar o limite dele para {size}</translation>
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
    <message>
        <source>Load {model}</source>
        <translation>Carregar {model}</translation>
    </message>
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
    <message>
        <source>Load with context {tokens}</source>
        <translation>Carregar com contexto {tokens}</translation>
    </message>
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
        <source>models</source>
        <translation>modelos</translation>
    </message>
    <message>
        <source>limit changed</source>
        <translation>limite mudou</translation>
    </message>
    <message>
        <source>limit {size}</source>
        <translation>limite {size}</translation>
    </message>
    <message>
        <source>memory pressure</source>
        <translation>pressão de memória</translation>
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
        <source>Export</source>
        <translation>Exportar</translation>
    </message>
    <message>
        <source>Export what is seen</source>
        <translation>Exportar o que se vê</translation>
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
        <source>Picture (PNG)…</source>
        <translation>Imagem (PNG)…</translation>
    </message>
    <message>
        <source>Numbers (CSV)…</source>
        <translation>Números (CSV)…</translation>
    </message>
    <message>
        <source>now {now} · highest {highest}</source>
        <translation>agora {now} · máximo {highest}</translation>
    </message>
    <message>
        <source>Save the picture</source>
        <translation>Salvar a imagem</translation>
    </message>
    <message>
        <source>Save the numbers</source>
        <translation>Salvar os números</translation>
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
    <name>MemoryWarnings</name>
    <message>
        <source>Clean up unused</source>
        <translation>Limpar sem uso</translation>
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
        <source>Layers on GPU</source>
        <translation>Camadas na GPU</translation>
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
        <source>Loads again in</source>
        <translation>Recarrega em</translation>
    </message>
    <message>
        <source>A smaller type saves memory and costs a little accuracy.</source>
        <translation>Um tipo menor economiza memória e custa um pouco de precisão.</translation>
    </message>
    <message>
        <source>all</source>
        <translation>todas</translation>
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
        <source>now {tokens}</source>
        <translation>agora {tokens}</translation>
    </message>
    <message>
        <source>Evicted</source>
        <translation>Sai</translation>
    </message>
    <message>
        <source>{kind} saves {size}</source>
        <translation>{kind} poupa {size}</translation>
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
        <source>context {tokens}</source>
        <translation>contexto {tokens}</translation>
    </message>
    <message>
        <source>pinned</source>
        <translation>fixado</translation>
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
        <source>{percent} used</source>
        <translation>{percent} em uso</translation>
    </message>
    <message>
        <source>goes in {duration}</source>
        <translation>sai em {duration}</translation>
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
        <source>Enter loads or tries, Delete unloads.</source>
        <translation>Enter carrega ou experimenta, Delete descarrega.</translation>
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
        <source>{percent} used</source>
        <translation>{percent} em uso</translation>
    </message>
    <message>
        <source>goes in {duration}</source>
        <translation>sai em {duration}</translation>
    </message>
</context>
<context>
    <name>Notifier</name>
    <message>
        <source>Open</source>
        <translation>Abrir</translation>
    </message>
    <message>
        <source>Memory is nearly full</source>
        <translation>A memória está quase cheia</translation>
    </message>
    <message>
        <source>Memory is filling up</source>
        <translation>A memória está enchendo</translation>
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
        <source>does not fit beside pinned {models}</source>
        <translation>não cabe ao lado de {models}, fixado</translation>
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
        <source>{first} and {last}</source>
        <translation>{first} e {last}</translation>
    </message>
    <message>
        <source>fits now</source>
        <translation>cabe agora</translation>
    </message>
    <message>
        <source>fits after putting {models} to sleep</source>
        <translation>cabe depois de pôr {models} para dormir</translation>
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
        <source>{time} · all models {size}</source>
        <translation>{time} · todos os modelos {size}</translation>
    </message>
    <message>
        <source>{private} private + {weights} weights</source>
        <translation>{private} privada + {weights} pesos</translation>
    </message>
</context>
<context>
    <name>PlotCanvas</name>
    <message>
        <source>Memory of the models over time</source>
        <translation>Memória dos modelos ao longo do tempo</translation>
    </message>
    <message>
        <source>Left and right move the crosshair, plus and minus zoom, Escape follows the present.</source>
        <translation>Esquerda e direita movem a mira, mais e menos ampliam e reduzem, Esc acompanha o presente.</translation>
    </message>
    <message>
        <source>limit {size}</source>
        <translation>limite {size}</translation>
    </message>
    <message>
        <source>now</source>
        <translation>agora</translation>
    </message>
    <message>
        <source>min</source>
        <translation>min</translation>
    </message>
    <message>
        <source>s</source>
        <translation>s</translation>
    </message>
</context>
<context>
    <name>Pressure</name>
    <message>
        <source>none</source>
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
    <name>Scale</name>
    <message>
        <source>At least {size} is needed.</source>
        <translation>São necessários pelo menos {size}.</translation>
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
        <source>load it again, smaller</source>
        <translation>recarregar menor</translation>
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
        <source>Share of a limit at which a warning is given.</source>
        <translation>Parcela de um limite em que um aviso é dado.</translation>
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
        <translation>Tokens que um modelo mantém em mente, se outro número não for escolhido para ele.</translation>
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
        <source>Layers of a model placed on a GPU. −1: all.</source>
        <translation>Camadas de um modelo postas numa GPU. −1: todas.</translation>
    </message>
    <message>
        <source>Threads</source>
        <translation>Threads</translation>
    </message>
    <message>
        <source>Threads that the answering models share. 0: one for each core.</source>
        <translation>Threads divididas entre os modelos que respondem. 0: uma por núcleo.</translation>
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
        <source>API {url}</source>
        <translation>API {url}</translation>
    </message>
    <message>
        <source>API off</source>
        <translation>API desligada</translation>
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
        <translation>Limpar sem uso</translation>
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
        <source>Not at all</source>
        <translation>Não adiar</translation>
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
        <source>Answer</source>
        <translation>Resposta</translation>
    </message>
    <message>
        <source>Question</source>
        <translation>Pergunta</translation>
    </message>
    <message>
        <source>Write a question, Ctrl+Enter sends it</source>
        <translation>Escreva uma pergunta, Ctrl+Enter a envia</translation>
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
        <source>The model reads the question…</source>
        <translation>O modelo lê a pergunta…</translation>
    </message>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n token</numerusform>
            <numerusform>%n tokens</numerusform>
        </translation>
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
        <source>The model writes…</source>
        <translation>O modelo escreve…</translation>
    </message>
</context>
<context>
    <name>WarningBar</name>
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
        <source>Critical</source>
        <translation>Crítico</translation>
    </message>
    <message>
        <source>Warning</source>
        <translation>Aviso</translation>
    </message>
</context>
</TS>
